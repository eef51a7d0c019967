"""`POST /v1/woocommerce`: its payloads as events, signed, exactly once, in any order."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.segment.mapping import Ignored
from app.ingest.shops.deliveries import Door
from app.ingest.shops.known import consider
from app.ingest.shops.woocommerce import _TOPICS, map_delivery
from tests.ingest.shops.mapped import JSON, admit, check_left_as_it_was, spoilt, without_version
from tests.ingest.shops.payloads import encode, sign
from tests.ingest.shops.woo_payloads import BILLING, CUSTOMER, REFUNDED, WAITING, line, order

SECRET = "wc <secret>, [of] 50"
DOOR = Door("/woocommerce/shop.example.com", "CNY", "", "2026-10-05T00:00:00Z")
IDENTIFIERS = [
    {"kind": "email", "value": "john.doe@example.com"},
    {"kind": "phone", "value": "+8613800138000"},
]


def several(topic, payload):
    return without_version(map_delivery(topic, payload, DOOR))


def one(topic, payload):
    (made,) = several(topic, payload)
    return made


def test_an_order_with_tax_shipping_and_discount():
    assert one("order.created", order()) == {
        "specversion": "1.0",
        "id": "order-727",
        "source": "/woocommerce/shop.example.com",
        "type": "order.completed",
        "subject": "25",
        "time": "2026-10-01T10:00:00Z",
        "data": {
            "order_id": "727",
            "total": 109.0,
            "discount": 10.0,
            "shipping": 10.0,
            "tax": 9.0,
            "currency": "CNY",
            "channel": "web",
            "products": [
                {
                    "product_id": "93",
                    "sku": "W1",
                    "name": "Woo Single #1",
                    "price": 50.0,
                    "quantity": 2,
                    "discount": 10.0,
                }
            ],
            "identifiers": IDENTIFIERS,
        },
    }


def test_a_refund_has_no_sign():
    completed, refund = several("order.updated", REFUNDED)
    assert completed == one("order.created", order())
    assert (refund["id"], refund["type"], refund["subject"]) == ("refund-726", "order.refunded", "25")
    assert (refund["data"]["total"], refund["time"]) == (9.0, "2026-10-04T10:00:00Z")
    assert admit(refund).amount_minor == 900


@pytest.mark.parametrize("status", ["pending", "checkout-draft", "auto-draft"])
def test_what_was_not_placed_is_no_sale(status):
    delivered = map_delivery("order.created", order(status=status, date_paid=None, date_paid_gmt=None), DOOR)
    assert consider(delivered, {}) == [Ignored("not_placed")]


@pytest.mark.parametrize("status", ["processing", "on-hold", "completed", "refunded", "shipped"])
def test_what_was_placed_is_one(status):
    assert several("order.updated", order(status=status))[0] == one("order.created", order())


def test_an_order_given_back_that_names_no_refund_is_given_back_whole():
    placed, refund = several("order.updated", order(status="refunded", refunds=[]))
    assert (placed["type"], refund["type"], refund["data"]["order_id"]) == ("order.completed", "order.refunded", "727")
    assert "total" not in refund["data"]


def test_a_cancelled_order():
    _, cancelled = several("order.updated", order(status="cancelled"))
    assert (cancelled["type"], cancelled["id"]) == ("order.cancelled", "order-727-cancelled")


def test_a_guest_is_known_by_the_address():
    made = one("order.created", order(customer_id=0))
    assert "subject" not in made
    assert made["data"]["identifiers"] == IDENTIFIERS


def test_nobody():
    made = one("order.created", order(customer_id=0, billing={**BILLING, "email": "", "phone": ""}))
    assert admit(made).customer_id.startswith("~basket:")


def test_a_line_of_no_product():
    typed = line(product_id=0, sku="", name="Gift wrap", subtotal="5.00", total="5.00", quantity=1)
    (product,) = one("order.created", order(line_items=[typed]))["data"]["products"]
    assert (product["product_id"], product["price"], "discount" in product) == ("Gift wrap", 5.0, False)


def test_a_customer():
    made = one("customer.created", CUSTOMER)
    assert (made["subject"], made["time"]) == ("25", "2026-09-01T10:00:00Z")
    assert made["data"] == {"identifiers": IDENTIFIERS}


@pytest.mark.parametrize(
    ("topic", "reason"),
    [("order.deleted", "deleted"), ("customer.deleted", "deleted"), ("product.created", "unknown_topic")],
)
def test_what_means_nothing_here(topic, reason):
    assert one(topic, {"id": 1}) == Ignored(reason)


SPOILT = spoilt([REFUNDED, CUSTOMER, {}])
SPOILT_LINES = st.builds(
    lambda members: order(line_items=[line(**members)]), st.dictionaries(st.sampled_from([*line()]), JSON)
)


@given(st.sampled_from(sorted(_TOPICS)), SPOILT | SPOILT_LINES | JSON)
def test_any_payload_is_mapped_and_left_as_it_was(topic, payload):
    check_left_as_it_was(map_delivery, topic, payload, DOOR)


@pytest.fixture(scope="module")
async def door(anyio_backend, serve):
    async with serve(woocommerce_secrets=SECRET) as service:
        yield service


@pytest.fixture
def deliver(door, sql):
    async def send(topic, payload, *, secret=SECRET, source="https://shop.example.com/", path="/v1/woocommerce"):
        written = encode(payload)
        headers = {
            "content-type": "application/json",
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-source": source,
            "x-wc-webhook-signature": sign(written, secret),
        }
        async with door.connect() as shop:
            return await shop.post(path, content=written, headers=headers)

    return send


DELIVERIES = [
    ("order.created", WAITING),
    ("order.updated", order()),
    ("order.updated", REFUNDED),
    ("customer.updated", CUSTOMER),
]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))))
async def test_whatever_order_they_come_in(deliver, door, arrival):
    """And each of them twice."""
    for place in (*arrival, *arrival):
        response = await deliver(*DELIVERIES[place])
        assert response.status_code == 200
        assert response.json()["rejected"] == 0
    found = (await door.client.get("/v1/customers/25")).json()
    assert (found["orders"], found["spend"], found["items"]) == (1, 100.0, 2)


async def test_a_refund_in_a_later_version_counts_once(deliver, door):
    """Its time is that of the version."""
    await deliver("order.updated", REFUNDED)
    later = await deliver("order.updated", {**REFUNDED, "date_modified_gmt": "2026-10-05T10:00:00"})
    assert later.json()["results"][-1]["status"] == "duplicate"
    assert (await door.client.get("/v1/customers/25")).json()["spend"] == 100.0


CANCELLED = order(status="cancelled", date_modified_gmt="2026-10-05T10:00:00")


@pytest.mark.parametrize("arrival", list(itertools.permutations((order(), WAITING, CANCELLED))))
async def test_a_cancelled_order_is_worth_nothing(deliver, door, sql, arrival):
    for payload in (*arrival, *arrival):
        assert (await deliver("order.updated", payload)).json()["rejected"] == 0
    await deliver("order.updated", order(id=728))
    assert (await door.client.get("/v1/customers/25")).json()["spend"] == 109.0


@pytest.mark.parametrize("arrival", [(0, 1), (1, 0)])
async def test_an_order_given_back_without_and_with_its_refund_is_given_back_once(deliver, sql, arrival):
    whole = order(status="refunded", refunds=[], date_modified_gmt="2026-10-02T10:00:00")
    named = {**REFUNDED, "status": "refunded", "refunds": [{"id": 728, "reason": "", "total": "-109.00"}]}
    for place in arrival:
        await deliver("order.updated", (whole, named)[place])
    assert await sql.value("SELECT sum(refunded_minor) FROM customer_states") == 10900
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 0


def at(day, status="completed", refunds=()):
    """A version of that day, with refunds of these amounts."""
    named = [{"id": 728 + place, "reason": "", "total": total} for place, total in enumerate(refunds) if total]
    return order(status=status, date_modified_gmt=f"2026-10-0{day}T10:00:00", refunds=named)


TAKEN_BACK = {
    "deleted": ([order(), at(3, refunds=["-9.00"]), at(4)], (1, 10900, 0)),
    "one of two": ([at(2, refunds=["-9.00"]), at(3, refunds=["-9.00", "-20.00"]), at(4, refunds=["", "-20.00"])],
                   (1, 10900, 2000)),
    "of the whole": ([order(), at(3, "refunded", ["-109.00"]), at(4)], (1, 10900, 0)),
    "told by the status": ([order(), at(3, "refunded"), at(4)], (1, 10900, 0)),
}  # fmt: skip


@pytest.mark.parametrize("life", TAKEN_BACK.values(), ids=TAKEN_BACK)
async def test_a_refund_that_a_later_version_does_not_have_is_none(deliver, sql, life):
    """In any order of arrival, each version twice."""
    versions, expected = life
    for number, arrival in enumerate(itertools.permutations(versions)):
        for version in (*arrival, *arrival):
            answer = await deliver(
                "order.updated", version | {"customer_id": 30}, source=f"https://{number}.example.com"
            )
            assert answer.json()["rejected"] == 0
        (found,) = await sql.rows("SELECT orders, spend_minor, refunded_minor FROM customer_states")
        assert tuple(found.values()) == expected, arrival
        await sql.rows("TRUNCATE customer_states, events")


async def test_a_version_that_does_not_say_its_refunds_takes_none_back(deliver, sql):
    await deliver("order.updated", REFUNDED)
    later = {name: member for name, member in at(5).items() if name != "refunds"}
    await deliver("order.updated", later)
    assert await sql.value("SELECT sum(refunded_minor) FROM customer_states") == 900


async def test_an_order_cancelled_before_it_was_placed_never_was(deliver, sql):
    response = await deliver("order.updated", CANCELLED)
    assert [item.get("reason") for item in response.json()["results"]] == ["order_cancelled", None]
    assert await sql.value("SELECT count(*) FROM events WHERE type <> 'order.cancelled'") == 0


PAID_AGAIN = order(status="completed", date_modified_gmt="2026-10-07T10:00:00")
LIFE = [
    order(),
    order(status="failed", date_modified_gmt="2026-10-05T10:00:00"),
    order(status="cancelled", date_modified_gmt="2026-10-06T10:00:00"),
    PAID_AGAIN,
]


async def orders(sql):
    return await sql.value("SELECT coalesce(sum(orders), 0) FROM customer_states")


@pytest.mark.parametrize("status", ["failed", "cancelled", "trash"])
async def test_a_payment_that_fails_and_is_tried_again(deliver, sql, status):
    life = [order(), order(status=status, date_modified_gmt="2026-10-05T10:00:00"), PAID_AGAIN]
    life += [order(status=status, date_modified_gmt="2026-10-08T10:00:00", total="109.00")]
    for place, payload in enumerate(life):
        for _ in range(2):
            assert (await deliver("order.updated", payload)).json()["rejected"] == 0
            assert await orders(sql) == (place + 1) % 2, (status, place)


@pytest.mark.parametrize("arrival", list(itertools.permutations(LIFE)))
async def test_its_latest_version_counts_in_any_order_of_arrival(deliver, sql, arrival):
    for payload in (*arrival, *arrival):
        assert (await deliver("order.updated", payload)).json()["rejected"] == 0
    assert (await orders(sql), await sql.value("SELECT sum(spend_minor) FROM customer_states")) == (1, 10900)


@pytest.mark.parametrize("arrival", list(itertools.permutations(LIFE[:2])))
async def test_a_payment_that_fails_after_an_order_was_counted(deliver, sql, arrival):
    for payload in (*arrival, *arrival):
        await deliver("order.updated", payload)
    assert await orders(sql) == 0


async def test_one_that_fails_before_anything_was_counted_is_no_sale(deliver, sql):
    await deliver("order.created", order(status="failed"))
    assert await sql.value("SELECT count(*) FROM events WHERE type <> 'order.cancelled'") == 0
    assert await orders(sql) == 0


WAITS_AGAIN = order(status="pending", date_modified_gmt="2026-10-05T10:00:00")


@pytest.mark.parametrize("arrival", list(itertools.permutations((WAITING, order(), WAITS_AGAIN))))
async def test_one_that_waits_for_its_payment_again_is_none(deliver, sql, arrival):
    for payload in (*arrival, *arrival):
        assert (await deliver("order.updated", payload)).json()["rejected"] == 0
    assert await orders(sql) == 0


@pytest.mark.parametrize("arrival", list(itertools.permutations((order(), WAITS_AGAIN, PAID_AGAIN))))
async def test_until_it_is_paid_again(deliver, sql, arrival):
    for payload in (*arrival, *arrival):
        assert (await deliver("order.updated", payload)).json()["rejected"] == 0
    assert (await orders(sql), await sql.value("SELECT sum(spend_minor) FROM customer_states")) == (1, 10900)


async def test_a_wait_without_a_payment_takes_back_what_was_counted_before_it(deliver, sql):
    on_delivery = {"date_paid": None, "date_paid_gmt": None}
    await deliver("order.updated", order(**on_delivery))
    response = await deliver("order.updated", {**WAITS_AGAIN, **on_delivery})
    assert (response.json()["accepted"], await orders(sql)) == (1, 0)


@pytest.mark.parametrize("second", ["2026-10-01T10:00:00", "2026-10-01T10:00:08"])
async def test_a_wait_of_the_second_in_which_it_was_placed_takes_nothing_back(deliver, sql, second):
    """The one of its beginning, which comes late."""
    await deliver("order.updated", order(date_modified_gmt=second))
    waiting = {**WAITING, "date_modified_gmt": second}
    assert (await deliver("order.created", waiting)).json()["ignored"] == 1
    assert await orders(sql) == 1


async def test_deliveries_of_two_versions_at_once(deliver, sql):
    payloads = [order(id=each, total=total, date_modified_gmt=f"2026-10-0{day}T10:00:00") for each in range(9)
                for day, total in ((2, "90.00"), (3, "80.00"), (1, "109.00"))]  # fmt: skip
    answers = await asyncio.gather(*(deliver("order.updated", each) for each in payloads))
    assert [answer.json()["rejected"] for answer in answers] == [0] * 27
    assert (await orders(sql), await sql.value("SELECT sum(spend_minor) FROM customer_states")) == (9, 72000)


async def test_the_ping_is_answered_and_nothing_else_is_let_in_unsigned(door, client, sql):
    """Even where there is no secret yet: else the webhook cannot be made."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    for service in (door.client, client):
        response = await service.post("/v1/woocommerce", content=b"webhook_id=12", headers=form)
        assert (response.status_code, response.json()["results"]) == (200, [])
    for body in (b"webhook_id=12&order=1", b"webhook_id=", b"", b'{"webhook_id": 12}', encode(order())):
        assert (await door.client.post("/v1/woocommerce", content=body, headers=form)).status_code == 401
        assert (await client.post("/v1/woocommerce", content=body, headers=form)).status_code == 503
    assert await sql.value("SELECT count(*) FROM events") == 0


async def test_another_secret_is_refused(deliver):
    assert (await deliver("order.created", order(), secret="wrong")).status_code == 401


async def test_shops_do_not_clash(deliver, door, sql):
    """Their customers have the same numbers: a prefix tells them apart."""
    await deliver("order.created", order(billing={}))
    await deliver(
        "order.created", order(billing={}), source="https://B.example.com/shop/", path="/v1/woocommerce?prefix=b-"
    )
    rows = await sql.rows("SELECT DISTINCT source, customer_id FROM events ORDER BY source")
    assert [tuple(row.values()) for row in rows] == [
        ("/woocommerce/b.example.com/shop", "b-25"),
        ("/woocommerce/shop.example.com", "25"),
    ]
    assert (await deliver("order.created", order(), path="/v1/woocommerce?prefix=%20")).status_code == 422
