"""`POST /v1/shopify`: signed, exactly once, in any order."""

import itertools
import json

import pytest

from app.ingest.shops.signatures import read_secrets
from tests.ingest.shops.payloads import CUSTOMER, encode, money, order, refund, sign, transaction

SECRET, NEXT = "shpss_old, [secret]", "shpss_new"
CUSTOMER_ID = "115310627314723954"
STATE = "SELECT count(*), sum(orders) AS orders, sum(spend_minor) AS spend FROM customer_states"


@pytest.fixture(scope="module")
async def door(anyio_backend, serve):
    async with serve(shopify_secrets=json.dumps([SECRET, NEXT])) as service:
        yield service


@pytest.fixture
def deliver(door, sql):
    """Sends as Shopify does, without a key."""

    async def send(topic, payload, *, secret=SECRET, body=None, **headers):
        written = encode(payload) if body is None else body
        told = {
            "content-type": "application/json",
            "x-shopify-topic": topic,
            "x-shopify-shop-domain": "a.myshopify.com",
            "x-shopify-hmac-sha256": sign(written, secret),
            "x-shopify-triggered-at": "2026-10-05T00:00:00.000Z",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with door.connect() as shop:
            return await shop.post("/v1/shopify", content=written, headers=told)

    return send


def told(response):
    assert response.status_code == 200, response.text
    return [(item["status"], item.get("reason")) for item in response.json()["results"]]


async def profile(door, customer_id=CUSTOMER_ID):
    found = await door.client.get(f"/v1/customers/{customer_id}")
    assert found.status_code == 200, found.text
    return found.json()


async def test_an_order_is_counted(deliver, door):
    assert told(await deliver("orders/create", order())) == [("accepted", None)]
    found = await profile(door)
    assert (found["orders"], found["spend"], found["items"], found["channels"]) == (1, 324.0, 3, {"web": 1})


DELIVERIES = [
    ("orders/create", order()),
    ("refunds/create", refund()),
    ("orders/updated", order(updated_at="2026-10-03T10:00:01+08:00", refunds=[refund()])),
    ("customers/update", CUSTOMER),
]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))))
async def test_whatever_order_they_come_in(deliver, door, arrival):
    """And each of them twice."""
    for place in (*arrival, *arrival):
        assert {status for status, _ in told(await deliver(*DELIVERIES[place]))} <= {"accepted", "duplicate"}
    found = await profile(door)
    assert (found["orders"], found["spend"], found["consents"]) == (1, 274.0, {"email": True})


async def test_any_of_the_secrets_will_do(deliver):
    for number, secret in enumerate((SECRET, NEXT)):
        assert told(await deliver("orders/create", order(id=number + 1), secret=secret)) == [("accepted", None)]


@pytest.mark.parametrize("signature", [None, "", "x", "é", "AAAA", sign(b"{}", SECRET), sign(b"other", SECRET)])
async def test_what_is_not_signed_changes_nothing(door, sql, signature):
    headers = {"content-type": "application/json", "x-shopify-topic": "orders/create"}
    if signature is not None:
        headers["x-shopify-hmac-sha256"] = signature.encode()
    response = await door.client.post("/v1/shopify", content=encode(order()), headers=headers)
    assert (response.status_code, response.json()["type"]) == (401, "urn:perennial:problem:unauthorized")
    assert await sql.value("SELECT count(*) FROM events") + await sql.value("SELECT count(*) FROM rejected_events") == 0


async def test_another_byte_is_another_body(deliver):
    written = encode(order())
    response = await deliver("orders/create", None, body=written + b" ", x_shopify_hmac_sha256=sign(written, SECRET))
    assert response.status_code == 401


async def test_without_a_secret_nobody_is_let_in(client):
    written = encode(order())
    for secret in ("", "None"):
        headers = {"content-type": "application/json", "x-shopify-hmac-sha256": sign(written, secret)}
        response = await client.post("/v1/shopify", content=written, headers=headers)
        assert response.status_code == 503
        assert "PERENNIAL_SHOPIFY_SECRETS" in response.json()["detail"]


@pytest.mark.parametrize(
    ("setting", "secrets"),
    [
        (None, ()),
        ("", ()),
        ("  ", ()),
        ("[]", ()),
        ('[""]', ()),
        ("a,b c", (b"a,b c",)),
        ("[x", (b"[x",)),
        ("[1]", (b"[1]",)),
        ('["a", "b"]', (b"a", b"b")),
        ("a\n", (b"a",)),
    ],
)
def test_secrets(setting, secrets):
    assert read_secrets(setting) == secrets


async def test_what_is_refused_is_answered_200_and_kept(deliver, sql):
    """Anything else, and the shop would send it again, and then nothing more."""
    response = await deliver("orders/create", order(currency="USD", presentment_currency="USD"))
    assert told(response) == [("rejected", None)]
    assert "/data/currency" in response.json()["results"][0]["problem"]["detail"]
    kept = await sql.value("SELECT event::text FROM rejected_events")
    assert "john@example.com" not in kept


async def test_what_cannot_be_read_is_no_delivery(deliver):
    assert (await deliver("orders/create", None, body=b"{")).status_code == 400
    assert (await deliver("orders/create", order(), x_shopify_shop_domain="a b")).status_code == 422
    assert told(await deliver("orders/create", []))[0][0] == "rejected"


@pytest.mark.parametrize("id_", [None, True, [1], {"a": 1}, "a\x00", "号", "", 1.5, "x" * 300])
async def test_numbers_that_are_none(deliver, id_):
    for topic, payload in (
        ("orders/cancelled", order(id=id_, cancelled_at="2026-10-03T10:00:00Z")),
        ("refunds/create", refund(id=id_, order_id=id_)),
        ("customers/update", {**CUSTOMER, "id": id_}),
        ("customers/redact", {"customer": {"id": id_}}),
    ):
        assert {status for status, _ in told(await deliver(topic, payload))} <= {"rejected", "ignored", "accepted"}


async def test_tests_of_a_webhook_count_nothing(deliver, sql):
    assert told(await deliver("orders/create", order(), x_shopify_test="true")) == [("ignored", "test")]
    assert told(await deliver("orders/create", order(test=True))) == [("ignored", "test")]
    assert told(await deliver("carts/update", {"id": 1})) == [("ignored", "unknown_topic")]
    assert await sql.value("SELECT count(*) FROM events") == 0


async def test_refunds_of_nobodys_orders_are_nobodys(deliver, sql):
    await deliver("orders/create", order(customer=None, email=None))
    for _ in range(2):
        await deliver("refunds/create", refund())
    assert await sql.value("SELECT count(*) FROM events") == 2
    assert await sql.value("SELECT count(*) FROM customer_states") == 0


async def test_a_guest_is_whoever_has_the_address(deliver, door, sql):
    await deliver("orders/create", order(id=1, customer=None))
    await deliver("orders/create", order(id=2))
    found = await profile(door)
    assert (found["orders"], found["spend"]) == (2, 648.0)


async def test_one_customer_of_many_orders_keeps_each_refund(deliver, door):
    for number in range(1, 21):
        await deliver("refunds/create", refund(id=number, order_id=number))
    for number in range(1, 21):
        await deliver("orders/create", order(id=number))
    found = await profile(door)
    assert (found["orders"], found["spend"]) == (20, 20 * 274.0)


async def test_shops_do_not_clash(deliver, door, sql):
    await deliver("orders/create", order())
    await deliver("orders/create", order(), x_shopify_shop_domain="B.myshopify.com")
    sources = await sql.rows("SELECT source FROM events ORDER BY source")
    assert [row["source"] for row in sources] == ["/shopify/a.myshopify.com", "/shopify/b.myshopify.com"]


async def test_a_refund_whose_state_moved_on_counts_once(deliver, door):
    await deliver("orders/create", order())
    await deliver("refunds/create", refund(transactions=[transaction("50.00", status="pending")]))
    assert told(await deliver("refunds/create", refund("49.00"))) == [("duplicate", None)]
    assert (await profile(door))["spend"] == 274.0


EDITED = {"total_price": "374.00", "total_price_set": money("374.00"), "updated_at": "2026-10-02T10:00:00+08:00"}
VERSIONS = [
    ("orders/create", order()),
    ("orders/updated", order(**EDITED)),
    ("orders/updated", order(**EDITED | {"updated_at": "2026-10-04T10:00:00+08:00"}, refunds=[refund()])),
]


@pytest.mark.parametrize("arrival", list(itertools.permutations(VERSIONS)))
async def test_of_the_versions_of_an_order_the_latest_counts(deliver, door, arrival):
    """Each twice. The order was edited from 324 to 374, then 50 were given back."""
    for topic, payload in (*arrival, *arrival):
        assert {status for status, _ in told(await deliver(topic, payload))} <= {"accepted", "duplicate"}
    found = await profile(door)
    assert (found["orders"], found["spend"]) == (1, 324.0)


CANCELLED_AT = "2026-10-03T10:00:00+08:00"
BY_CANCELLING = refund("324.00")
CANCELLATIONS = {
    "with the money": [
        ("orders/create", order()),
        ("refunds/create", BY_CANCELLING),
        ("orders/cancelled", order(cancelled_at=CANCELLED_AT, refunds=[BY_CANCELLING])),
    ],
    "with a part of it": [
        ("orders/create", order()),
        ("refunds/create", refund()),
        ("orders/cancelled", order(cancelled_at=CANCELLED_AT, refunds=[refund()])),
    ],
    "unpaid": [
        ("orders/create", order(financial_status="pending")),
        ("orders/updated", order(financial_status="pending", updated_at="2026-10-02T10:00:00+08:00")),
        ("orders/cancelled", order(financial_status="voided", cancelled_at=CANCELLED_AT)),
    ],
    "and the money later": [
        ("orders/create", order()),
        ("orders/cancelled", order(cancelled_at=CANCELLED_AT)),
        ("orders/updated", order(cancelled_at=CANCELLED_AT, refunds=[BY_CANCELLING])),
        ("refunds/create", BY_CANCELLING),
    ],
}


ARRIVALS = [
    (name, arrival)
    for name, deliveries in CANCELLATIONS.items()
    for arrival in ([deliveries] if "later" in name else itertools.permutations(deliveries))
]


@pytest.mark.parametrize("deliveries", [arrival for _, arrival in ARRIVALS], ids=[name for name, _ in ARRIVALS])
async def test_a_cancelled_order_is_worth_nothing(deliver, door, deliveries):
    """However its money goes back, and each delivery twice; beside it an order that stays."""
    for topic, payload in (*deliveries, *deliveries):
        assert {status for status, _ in told(await deliver(topic, payload))} <= {"accepted", "duplicate", "ignored"}
    await deliver("orders/create", order(id=2))
    assert (await profile(door))["spend"] == 324.0


async def test_a_request_for_data_is_kept_with_the_customer(deliver, door):
    await deliver("orders/create", order())
    request = {"shop_domain": "a.myshopify.com", "customer": {"id": int(CUSTOMER_ID)}, "data_request": {"id": 9}}
    assert told(await deliver("customers/data_request", request)) == [("accepted", None)]
    assert told(await deliver("customers/data_request", request, x_shopify_triggered_at="")) == [("duplicate", None)]
    kept = (await door.client.get(f"/v1/customers/{CUSTOMER_ID}/events")).text
    assert "privacy.data.requested" in kept
    assert told(await deliver("shop/redact", {"shop_id": 1})) == [("ignored", "shop_redacted")]
