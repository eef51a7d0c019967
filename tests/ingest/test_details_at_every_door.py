"""An optional detail never costs the sale, whatever it is and whichever door it comes by."""

import json

import pytest

from app.foundation.metrics import WARNINGS
from tests.ingest.shops import payloads as shopify
from tests.ingest.shops import woo_payloads as woocommerce

LONG, DEEP = "长" * 5000, [[[[[["x"]]]]]]
LINE = {"product_id": "4711", "price": 12.5, "quantity": 1}
DETAILS = {
    "a discount in words": {"discount": "ten percent"},
    "a discount below nothing": {"discount": -3},
    "a discount that is a list": {"discount": [1]},
    "a channel that is a number": {"channel": 7},
    "a channel too long": {"channel": LONG},
    "a channel that is an object": {"channel": {"name": "web"}},
    "products in words": {"products": "two bananas"},
    "products that are a number": {"products": 3},
    "products that are broken JSON": {"products": '[{"product_id": "4711"'},
    "a line that is a text": {"products": ["4711"]},
    "a line that is nothing": {"products": [None, LINE]},
    "a line that is a list": {"products": [DEEP]},
    "a line without an id": {"products": [{"price": 12.5, "quantity": 1}]},
    "an empty line": {"products": [{}]},
    "an id that is an object": {"products": [{**LINE, "product_id": {"id": 1}}]},
    "an id too long": {"products": [{**LINE, "product_id": LONG}]},
    "no pieces": {"products": [{**LINE, "quantity": 0}]},
    "pieces below nothing": {"products": [{**LINE, "quantity": -2}]},
    "pieces in words": {"products": [{**LINE, "quantity": "a few"}]},
    "pieces beyond all numbers": {"products": [{**LINE, "quantity": 1e300}]},
    "a price in words": {"products": [{**LINE, "price": "on request"}]},
    "a price beyond all numbers": {"products": [{**LINE, "price": 1e300}]},
    "a price that is an object": {"products": [{**LINE, "price": {"amount": 3}}]},
    "a category that is a list": {"products": [{**LINE, "category": ["dairy"]}]},
    "a category too long": {"products": [{**LINE, "category": LONG}]},
    "identifiers in words": {"identifiers": "my phone"},
    "an identifier that is a text": {"identifiers": ["+8613800138000"]},
    "an identifier without a value": {"identifiers": [{"kind": "phone"}]},
    "an identifier of a strange kind": {"identifiers": [{"kind": 7, "value": "x"}]},
    "an identifier too long": {"identifiers": [{"kind": "email", "value": LONG}]},
}
EACH = pytest.mark.parametrize("detail", DETAILS.values(), ids=DETAILS)
COUNTED = "SELECT sum(orders) AS orders, sum(spend_minor) AS spend FROM customer_states"


def count_warned():
    return sum(WARNINGS.values.values())


@EACH
@pytest.mark.parametrize("door", ["/v1/events", "/v1/checkouts"])
async def test_an_event(client, sql, shop, door, detail):
    event, before = shop.order("C-1", total=12.5, **detail), count_warned()
    response = await client.post(door, json={"event": event} if door == "/v1/checkouts" else [event])
    assert response.status_code == 200, response.text
    answer = response.json()
    told = answer["event"] if door == "/v1/checkouts" else answer["results"][0]
    assert told["status"] == "accepted"
    assert told["warnings"]
    assert count_warned() - before == len(told["warnings"])
    assert await sql.row(COUNTED) == {"orders": 1, "spend": 1250}


@pytest.mark.parametrize("door", ["/v1/events", "/v1/checkouts"])
async def test_data_that_are_json_in_a_text(client, sql, shop, door):
    event = shop.order("C-1", total=12.5)
    event["data"] = json.dumps(event["data"])
    answer = (await client.post(door, json={"event": event} if door == "/v1/checkouts" else [event])).json()
    told = answer["event"] if door == "/v1/checkouts" else answer["results"][0]
    assert (told["status"], told["warnings"][0]["pointer"].endswith("/data")) == ("accepted", True)
    assert await sql.row(COUNTED) == {"orders": 1, "spend": 1250}


@EACH
async def test_a_message_of_segment(client, sql, shop, detail):
    message = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "C-1",
        "originalTimestamp": shop.ago(minutes=5),
        "properties": {"order_id": "1", "total": 12.5, **detail},
    }
    answer = (await client.post("/v1/segment", json=message)).json()
    assert answer["results"][0]["status"] == "accepted", answer
    assert await sql.row(COUNTED) == {"orders": 1, "spend": 1250}


SHOPIFY = {
    "lines in words": {"line_items": "two bananas"},
    "lines that are nothing": {"line_items": None},
    "a line that is a text": {"line_items": ["4711"]},
    "an empty line": {"line_items": [{}]},
    "a line without pieces": {"line_items": [shopify.line(quantity=None)]},
    "pieces in words": {"line_items": [shopify.line(quantity="a few")]},
    "pieces below nothing": {"line_items": [shopify.line(quantity=-1)]},
    "a price in words": {"line_items": [shopify.line(price="on request", price_set=None)]},
    "a price set of nothing": {"line_items": [shopify.line(price_set={"shop_money": None})]},
    "allocations in words": {"line_items": [shopify.line(discount_allocations="none")]},
    "an id that is an object": {"line_items": [shopify.line(product_id={"id": 1}, variant_id=[], sku={})]},
    "a sku too long": {"line_items": [shopify.line(product_id=None, variant_id=None, sku=LONG)]},
    "a source that is an object": {"source_name": {"name": "web"}},
    "a source too long": {"source_name": LONG},
    "discounts in words": {"total_discounts": "none", "total_discounts_set": None},
    "refunds in words": {"refunds": "none"},
    "a refund that is a text": {"refunds": ["none"]},
    "an address that is a text": {"email": LONG, "billing_address": "1 Main Street"},
    "shipping lines in words": {"shipping_lines": "by post"},
    "a phone that is a list": {"phone": ["+86"], "shipping_address": []},
}


@pytest.fixture(scope="module")
async def shops(anyio_backend, serve):
    async with serve(shopify_secrets="secret", woocommerce_secrets="secret") as service:
        yield service


async def deliver(shops, shop, topic, payload):
    """Signed, as the shop sends it; what became of the order."""
    written = shopify.encode(payload)
    signature = {"shopify": "x-shopify-hmac-sha256", "woocommerce": "x-wc-webhook-signature"}[shop]
    prefix = {"shopify": "x-shopify", "woocommerce": "x-wc-webhook"}[shop]
    headers = {
        "content-type": "application/json",
        f"{prefix}-topic": topic,
        "x-shopify-shop-domain": "a.myshopify.com",
        "x-wc-webhook-source": "https://shop.example.com/",
        signature: shopify.sign(written, "secret"),
    }
    async with shops.connect() as sender:
        response = await sender.post(f"/v1/{shop}", content=written, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()["results"][0]


@pytest.mark.parametrize("detail", SHOPIFY.values(), ids=SHOPIFY)
async def test_an_order_of_shopify(shops, sql, detail):
    told = await deliver(shops, "shopify", "orders/create", shopify.order(**detail))
    assert told["status"] == "accepted", told
    assert await sql.row(COUNTED) == {"orders": 1, "spend": 32400}


WOOCOMMERCE = {
    "lines in words": {"line_items": "two bananas"},
    "lines that are nothing": {"line_items": None},
    "a line that is a text": {"line_items": ["W1"]},
    "an empty line": {"line_items": [{}]},
    "pieces in words": {"line_items": [woocommerce.line(quantity="a few")]},
    "no pieces": {"line_items": [woocommerce.line(quantity=0)]},
    "pieces below nothing": {"line_items": [woocommerce.line(quantity=-2)]},
    "a price in words": {"line_items": [woocommerce.line(total="on request", subtotal="", price="")]},
    "an id that is an object": {"line_items": [woocommerce.line(product_id={}, variation_id=[], sku={})]},
    "a sku too long": {"line_items": [woocommerce.line(product_id=0, sku=LONG)]},
    "a discount in words": {"discount_total": "none"},
    "a discount that is a list": {"discount_total": [1]},
    "billing that is a text": {"billing": "969 Market"},
    "an address that is a list": {"billing": {**woocommerce.BILLING, "email": [], "phone": {}}},
    "a channel that is an object": {"created_via": {"name": "checkout"}},
    "a channel too long": {"created_via": LONG},
    "refunds in words": {"refunds": "none"},
    "a refund that is a text": {"refunds": ["none"]},
    "a note that is an object": {"customer_note": {"text": LONG}},
    "data that are deep": {"meta_data": DEEP},
}


@pytest.mark.parametrize("detail", WOOCOMMERCE.values(), ids=WOOCOMMERCE)
async def test_an_order_of_woocommerce(shops, sql, detail):
    payload = woocommerce.order(**detail)
    told = await deliver(shops, "woocommerce", "order.created", payload)
    assert told["status"] == "accepted", told
    assert await sql.row(COUNTED) == {"orders": 1, "spend": round(100 * float(payload["total"]))}


NOBODIES = ("undefined", " NULL ", "None", "NaN", "[object Object]", "0", "Guest", "ANONYMOUS", "#N/A", "n/a", " - ")


@pytest.mark.parametrize("nobody", NOBODIES)
async def test_a_customer_of_a_shop_who_is_a_placeholder(shops, sql, nobody):
    """Two orders of them are of two nobodies, known by the order or the basket alone."""
    for number in (1, 2):
        customer = {"id": nobody, "email": nobody, "phone": nobody}
        bought = shopify.order(
            id=number, customer=customer, email=nobody, phone=nobody, billing_address={"phone": nobody}
        )
        assert (await deliver(shops, "shopify", "orders/create", bought))["status"] == "accepted"
        billing = {**woocommerce.BILLING, "email": nobody, "phone": nobody}
        sold = woocommerce.order(id=number, customer_id=nobody, billing=billing)
        assert (await deliver(shops, "woocommerce", "order.created", sold))["status"] == "accepted"
    assert await sql.value("SELECT max(orders) FROM customer_states") == 1
    assert await sql.value("SELECT count(*) FROM persons") == 0
    found = await sql.rows("SELECT customer_id FROM events WHERE type = 'order.completed'")
    assert len({row["customer_id"] for row in found}) == 4
    assert {row["customer_id"].partition(":")[0] for row in found} <= {"~order", "~basket"}
