"""Payloads as WooCommerce writes them: the members of its REST API, version 3."""

BILLING = {
    "first_name": "John",
    "last_name": "Doe",
    "address_1": "969 Market",
    "city": "Shanghai",
    "country": "CN",
    "email": "john.doe@example.com",
    "phone": "+8613800138000",
}


def line(**members):
    """Two of 50, ten off."""
    return {
        "id": 315,
        "name": "Woo Single #1",
        "product_id": 93,
        "variation_id": 0,
        "quantity": 2,
        "tax_class": "",
        "subtotal": "100.00",
        "subtotal_tax": "9.00",
        "total": "90.00",
        "total_tax": "8.10",
        "taxes": [{"id": 75, "total": "8.10", "subtotal": "9.00"}],
        "meta_data": [],
        "sku": "W1",
        "price": 45,
        **members,
    }


def order(**members):
    """90 for goods, 10 of shipping, 9 of tax."""
    return {
        "id": 727,
        "parent_id": 0,
        "number": "727",
        "order_key": "wc_order_58d2d042d1d",
        "created_via": "checkout",
        "version": "9.1.0",
        "status": "processing",
        "currency": "CNY",
        "date_created": "2026-10-01T18:00:00",
        "date_created_gmt": "2026-10-01T10:00:00",
        "date_modified": "2026-10-01T18:00:08",
        "date_modified_gmt": "2026-10-01T10:00:08",
        "discount_total": "10.00",
        "discount_tax": "0.90",
        "shipping_total": "10.00",
        "shipping_tax": "0.90",
        "cart_tax": "8.10",
        "total": "109.00",
        "total_tax": "9.00",
        "prices_include_tax": False,
        "customer_id": 25,
        "customer_ip_address": "10.0.0.1",
        "customer_note": "Ring twice",
        "billing": dict(BILLING),
        "shipping": {"first_name": "John", "address_1": "969 Market"},
        "payment_method": "stripe",
        "date_paid": "2026-10-01T18:00:08",
        "date_paid_gmt": "2026-10-01T10:00:08",
        "date_completed": None,
        "date_completed_gmt": None,
        "line_items": [line()],
        "tax_lines": [],
        "shipping_lines": [{"id": 317, "method_id": "flat_rate", "total": "10.00"}],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        **members,
    }


WAITING = order(status="pending", date_paid=None, date_paid_gmt=None)
REFUNDED = order(
    status="completed",
    date_modified_gmt="2026-10-04T10:00:00",
    date_completed_gmt="2026-10-02T10:00:00",
    refunds=[{"id": 726, "reason": "", "total": "-9.00"}],
)

CUSTOMER = {
    "id": 25,
    "date_created": "2026-09-01T18:00:00",
    "date_created_gmt": "2026-09-01T10:00:00",
    "date_modified": None,
    "date_modified_gmt": None,
    "email": "john.doe@example.com",
    "first_name": "John",
    "last_name": "Doe",
    "role": "customer",
    "username": "john.doe",
    "billing": dict(BILLING),
    "is_paying_customer": False,
}
