"""Payloads as Shopify writes them: the members of its REST Admin API, amounts as texts, money in two currencies."""

import base64
import hashlib
import hmac
import json


def money(amount, currency="CNY", presented=None):
    """`presented`: amount and currency that the customer saw."""
    shown = (amount, currency) if presented is None else presented
    return {
        "shop_money": {"amount": amount, "currency_code": currency},
        "presentment_money": {"amount": shown[0], "currency_code": shown[1]},
    }


CUSTOMER = {
    "id": 115310627314723954,
    "email": "john@example.com",
    "phone": "+8613800138000",
    "first_name": "John",
    "last_name": "Smith",
    "created_at": "2026-01-02T03:04:05+08:00",
    "updated_at": "2026-10-01T10:00:00+08:00",
    "state": "enabled",
    "email_marketing_consent": {
        "state": "subscribed",
        "opt_in_level": "single_opt_in",
        "consent_updated_at": "2026-09-30T10:00:00+08:00",
    },
    "sms_marketing_consent": {"state": "not_subscribed", "opt_in_level": "unknown", "consent_updated_at": None},
    "default_address": {"address1": "1 Main Street", "phone": "+8613900139000"},
}


def line(id_=866550311766439020, price="199.00", quantity=1, **members):
    return {
        "id": id_,
        "product_id": 632910392,
        "variant_id": 808950810,
        "title": "IPod Nano - 8GB",
        "variant_title": "Pink",
        "sku": "IPOD2008PINK",
        "vendor": None,
        "quantity": quantity,
        "current_quantity": quantity,
        "price": price,
        "price_set": money(price),
        "total_discount": "0.00",
        "total_discount_set": money("0.00"),
        "discount_allocations": [],
        "taxable": True,
        **members,
    }


def order(**members):
    """Two lines of 199 and 50 × 2 less 9 off, 10 of shipping, 24 of tax: 324 were paid."""
    second = line(2, "50.00", 2, product_id=921728736, sku="TEE", title="T-shirt")
    second["discount_allocations"] = [{"amount": "9.00", "amount_set": money("9.00")}]
    return {
        "id": 820982911946154508,
        "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
        "name": "#9999",
        "order_number": 1234,
        "email": "john@example.com",
        "phone": None,
        "created_at": "2026-10-01T10:00:00+08:00",
        "processed_at": "2026-10-01T10:00:00+08:00",
        "updated_at": "2026-10-01T10:00:00+08:00",
        "cancelled_at": None,
        "cancel_reason": None,
        "closed_at": None,
        "test": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "source_name": "web",
        "currency": "CNY",
        "presentment_currency": "CNY",
        "taxes_included": False,
        "subtotal_price": "290.00",
        "total_line_items_price": "299.00",
        "total_discounts": "9.00",
        "total_discounts_set": money("9.00"),
        "total_shipping_price_set": money("10.00"),
        "total_tax": "24.00",
        "total_tax_set": money("24.00"),
        "total_price": "324.00",
        "total_price_set": money("324.00"),
        "current_total_price": "324.00",
        "customer": dict(CUSTOMER),
        "billing_address": {"first_name": "John", "phone": "+8613900139000"},
        "shipping_address": {"first_name": "John", "address1": "1 Main Street"},
        "line_items": [line(), second],
        "shipping_lines": [{"id": 1, "price": "10.00", "price_set": money("10.00")}],
        "refunds": [],
        **members,
    }


def transaction(amount, **members):
    return {"id": 1, "kind": "refund", "status": "success", "amount": amount, "currency": "CNY", **members}


def refund(amount="50.00", *, lines=True, **members):
    """One T-shirt given back."""
    returned = {
        "id": 487817672276298627,
        "line_item_id": 2,
        "quantity": 1,
        "restock_type": "return",
        "subtotal": 45.5,
        "subtotal_set": money("45.50"),
        "total_tax": 4.5,
        "total_tax_set": money("4.50"),
        "line_item": line(2, "50.00", 2, product_id=921728736, sku="TEE", title="T-shirt"),
    }
    return {
        "id": 890088186047892319,
        "order_id": 820982911946154508,
        "created_at": "2026-10-03T10:00:00+08:00",
        "processed_at": "2026-10-03T10:00:00+08:00",
        "note": "Things were damaged",
        "restock": True,
        "user_id": 548380009,
        "refund_line_items": [returned] if lines else [],
        "transactions": [transaction(amount)] if amount is not None else [],
        "order_adjustments": [],
        **members,
    }


def adjustment(kind, amount, tax="0.00"):
    sets = {"amount_set": money(amount), "tax_amount_set": money(tax)}
    return {"id": 5, "kind": kind, "amount": amount, "tax_amount": tax, **sets}


def sign(body, secret):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def encode(payload):
    """As Shopify writes JSON, which escapes slashes: the signature is over these bytes."""
    return json.dumps(payload, ensure_ascii=False).replace("/", "\\/").encode()
