"""A shop asks to erase a customer, and an erased person does not come back by any shop, file or replay."""

import asyncio
import json

import pytest

from app.lifecycle.tombstones import Tombstones
from app.privacy import erasure
from tests.ingest.shops import woo_payloads
from tests.ingest.shops.payloads import encode, order, refund, sign

SECRET = "shpss_test"
CUSTOMER_ID = "115310627314723954"
SHOP = "a.myshopify.com"
REDACTION = {
    "shop_id": 954889,
    "shop_domain": SHOP,
    "customer": {"id": int(CUSTOMER_ID), "email": "john@example.com", "phone": "+1 555 625 1199"},
    "orders_to_redact": [299938, 280263],
}


@pytest.fixture(scope="module")
async def door(anyio_backend, serve):
    async with serve(shopify_secrets=SECRET, woocommerce_secrets=SECRET) as service:
        yield service


@pytest.fixture
def signed(door, sql):
    """Sends what is signed in the header of this name."""

    async def send(path, payload, signature, **headers):
        written = encode(payload)
        headers |= {signature: sign(written, SECRET), "content-type": "application/json"}
        async with door.connect() as shop:
            return await shop.post(path, content=written, headers=headers)

    return send


@pytest.fixture
def deliver(signed):
    def send(topic, payload):
        told = {"x-shopify-topic": topic, "x-shopify-shop-domain": SHOP}
        return signed("/v1/shopify", payload, "x-shopify-hmac-sha256", **told)

    return send


@pytest.fixture
def deliver_woo(signed):
    def send(topic, payload):
        told = {"x-wc-webhook-topic": topic, "x-wc-webhook-source": "https://tea.example.com/"}
        return signed("/v1/woocommerce", payload, "x-wc-webhook-signature", **told)

    return send


def told(response):
    assert response.status_code == 200, response.text
    return [item["status"] for item in response.json()["results"]]


async def count(sql):
    return await sql.value("SELECT count(*) FROM events")


async def settle(door):
    await erasure.settle_all(door.resources.surveys, Tombstones(b"tests"), 2**62)


async def test_the_customer_is_erased_and_does_not_come_back_by_any_delivery(deliver, door, sql):
    await deliver("orders/create", order())
    await deliver("orders/create", order(id=2, customer=None, email="other@example.com", phone=None))
    assert told(await deliver("customers/redact", REDACTION)) == ["erased"]
    await settle(door)
    assert await count(sql) == 1
    update = {"id": int(CUSTOMER_ID), "email": "john@example.com", "updated_at": "2026-10-09T00:00:00Z"}
    late = (
        ("orders/create", order()),
        ("orders/updated", order(updated_at="2026-10-09T00:00:00Z", total_price="1.00")),
        ("orders/create", order(id=77)),
        ("refunds/create", refund(id=8, order_id=77)),
        ("refunds/create", refund(id=9)),
        ("customers/update", update),
        ("customers/data_request", {"customer": {"id": int(CUSTOMER_ID)}, "data_request": {"id": 9}}),
    )
    for topic, payload in late:
        assert set(told(await deliver(topic, payload))) == {"erased"}, topic
    assert await count(sql) == 1
    (receipt,) = (await door.client.get(f"/v1/erasures?customer_id={CUSTOMER_ID}")).json()["erasures"]
    assert receipt["asked_by"] == f"shopify/{SHOP}"
    assert told(await deliver("customers/redact", REDACTION)) == ["erased"]


async def test_a_guest_is_erased_by_what_the_request_names(deliver, door, sql):
    guest = order(customer=None, email="john@example.com", phone=None)
    await deliver("orders/create", guest)
    await deliver("refunds/create", refund(id=4, order_id=280263))
    request = {**REDACTION, "customer": {"email": "john@example.com"}}
    assert told(await deliver("customers/redact", request)) == ["erased"]
    await settle(door)
    assert await count(sql) == 0
    assert set(told(await deliver("orders/create", {**guest, "id": 5}))) == {"erased"}


async def test_who_shares_the_e_mail_of_the_erased_stays(deliver, door, sql, shop):
    mine = {"identifiers": [{"kind": "email", "value": "john@example.com"}]}
    apart = shop.event("customer.unmerged", "CARD-7", data={"merged": CUSTOMER_ID})
    await deliver("orders/create", order())
    await door.client.post("/v1/events", json=[apart, shop.order("CARD-7", **mine)])
    assert told(await deliver("customers/redact", REDACTION)) == ["erased"]
    await settle(door)
    assert (await door.client.get("/v1/customers/CARD-7")).json()["orders"] == 1
    assert (await door.client.get(f"/v1/customers/{CUSTOMER_ID}")).status_code == 404


async def test_no_other_delivery_erases_under_the_topic_that_no_signature_covers(deliver, door, sql):
    await deliver("orders/create", order())
    for body in (order(), {"id": 1, "customer": {"id": int(CUSTOMER_ID)}}, {**REDACTION, "orders_to_redact": None}):
        assert "erased" not in told(await deliver("customers/redact", body))
    assert (await door.client.get(f"/v1/customers/{CUSTOMER_ID}")).json()["orders"] == 1
    assert await sql.value("SELECT count(*) FROM erasures") == 0


async def test_it_is_kept_for_the_retailer_to_see_to_where_that_is_wanted(anyio_backend, serve, sql):
    async with serve(shopify_secrets=SECRET, shopify_erases=False) as service, service.connect() as shop:
        written = encode(REDACTION)
        headers = {"x-shopify-topic": "customers/redact", "x-shopify-hmac-sha256": sign(written, SECRET)}
        assert told(await shop.post("/v1/shopify", content=written, headers=headers)) == ["accepted"]
    (row,) = await sql.rows("SELECT customer_id, type, CAST(data AS text) AS data FROM events")
    assert (row["customer_id"], row["type"]) == (CUSTOMER_ID, "privacy.redact.requested")
    assert "john" not in row["data"]


async def test_they_do_not_come_back_by_woocommerce(deliver_woo, door, sql):
    bought = woo_payloads.order()
    assert "accepted" in told(await deliver_woo("order.created", bought))
    erased = await door.client.delete(f"/v1/customers/{bought['customer_id']}")
    assert erased.json()["rows"]["events"] >= 1
    await settle(door)
    version = {**bought, "date_modified_gmt": "2026-10-09T00:00:00", "total": "1.00"}
    for payload in (bought, {**bought, "id": 999}, version):
        assert set(told(await deliver_woo("order.updated", payload))) == {"erased"}
    assert await count(sql) == 0


async def test_they_do_not_come_back_by_a_replay(door, sql, shop):
    """What was refused before is gone; what is refused of them later, or was being replayed meanwhile, is not kept."""
    client, kept = door.client, shop.event("order.completed", "C-1", data={"total": "x"})
    await client.post("/v1/events", json=[kept, shop.event("order.completed", "C-2", data={"total": "x"})])
    rows = await sql.rows("SELECT rejected_id FROM rejected_events ORDER BY 1")
    first, other = (row["rejected_id"] for row in rows)
    await client.delete("/v1/customers/C-1")
    assert (await client.post(f"/v1/events/rejected/{first}:replay", json=shop.order("C-1"))).status_code == 404
    mended = await client.post(f"/v1/events/rejected/{other}:replay", json=shop.order("C-1"))
    assert mended.json() == {"rejected_id": other, "status": "erased"}
    assert (await client.post("/v1/events/rejected:replay", json={})).json()["results"] == []
    insert = "INSERT INTO rejected_events (received_us, problem, event) VALUES (1, '{}', :event)"
    await sql.rows(insert, event=json.dumps(shop.order("C-1")))  # as if it had come while the erasure looked
    (result,) = (await client.post("/v1/events/rejected:replay", json={})).json()["results"]
    assert result["status"] == "erased"
    assert (await count(sql), await sql.value("SELECT count(*) FROM rejected_events")) == (0, 0)


async def test_they_do_not_come_back_by_deliveries_that_race_the_request(deliver, door, sql):
    sending = [asyncio.create_task(deliver("orders/create", order(id=number))) for number in range(1, 9)]
    assert told(await deliver("customers/redact", REDACTION)) == ["erased"]
    for answer in await asyncio.gather(*sending):
        assert set(told(answer)) <= {"accepted", "erased"}
    await settle(door)
    assert await count(sql) == 0
