"""An order is one thing: told twice it counts once, changed it counts as it is now, cancelled it never was."""

import asyncio
import itertools

import pytest

from app.customers.verification import verify

SOURCE = "/woocommerce/tea.example.com"


@pytest.fixture
def tell(shop):
    """Makes events of an order of a source whose orders have an identity."""

    def make(type_, subject="C-1", *, days=1, **data):
        return shop.event(type_, subject, at=shop.ago(days=days), source=SOURCE, data={"order_id": "7", **data})

    return make


@pytest.fixture
def count(client):
    async def send(*events):
        answer = (await client.post("/v1/events", json=list(events))).json()
        return [each["status"] for each in answer["results"]]

    return send


async def state(sql, customer="C-1"):
    row = await sql.row(
        "SELECT orders, spend_minor, refunds, refunded_minor, items, last_order_us FROM customer_states "
        "WHERE customer_id = :id",
        id=customer,
    )
    return tuple(row.values())[:5]


async def differences(engine):
    return [found async for batch in verify(engine) for found in batch.differences]


async def test_an_order_told_again_under_another_id_and_time_counts_once(sql, tell, count, engine):
    assert await count(tell("order.completed", days=3, total=17.94)) == ["accepted"]
    assert await count(tell("order.completed", days=2, total=17.94)) == ["duplicate"]
    assert await count(tell("order.completed", days=2, total=18)) == ["rejected"]
    assert await state(sql) == (1, 1794, 0, 0, 0)
    assert await differences(engine) == []


async def test_a_till_whose_numbers_begin_anew_has_two_orders(sql, shop, count):
    orders = [shop.order(order_id="7", total=5), shop.order(order_id="7", total=5)]
    assert await count(*orders) == ["accepted", "accepted"]
    assert (await state(sql))[0] == 2


async def test_the_same_message_again_is_a_duplicate_after_its_order_was_cancelled(sql, tell, count):
    order, cancelled = tell("order.completed", total=5), tell("order.cancelled")
    assert await count(order, cancelled) == ["accepted", "accepted"]
    assert await count(order, cancelled, tell("order.completed", total=5)) == ["duplicate"] * 3
    assert await state(sql) == (0, 0, 0, 0, 0)


async def test_in_any_order_of_arrival_the_last_version_counts_exactly_once(sql, tell, count, engine):
    lines = [{"product_id": "1", "quantity": 3}]
    events = [
        tell("order.completed", days=9, total=50),
        tell("order.updated", days=8, total=60),
        tell("order.updated", days=7, total=70, products=lines),
        tell("order.refunded", days=6, total=10),
    ]
    for place, each in enumerate(itertools.permutations(events)):
        told = [{**event, "source": f"{SOURCE}/{place}", "subject": f"C-{place}"} for event in each]
        if place % 2:
            assert set(await count(*told)) == {"accepted"}
        else:
            assert [await count(event) for event in told] == [["accepted"]] * 4
        assert await count(*told) == ["duplicate"] * 4
        assert await state(sql, f"C-{place}") == (1, 7000, 1, 1000, 3), [event["type"] for event in each]
    assert await differences(engine) == []


async def test_in_any_order_of_arrival_a_cancelled_order_never_was(sql, tell, count, engine):
    events = [
        tell("order.completed", days=9, total=50),
        tell("order.refunded", days=8, total=50),
        tell("order.updated", days=7, total=60),
        tell("order.cancelled", None, days=6),
    ]
    for place, each in enumerate(itertools.permutations(events)):
        told = [
            {**event, "source": f"{SOURCE}/{place}", "subject": event["subject"] and f"C-{place}"} for event in each
        ]
        assert [await count(event) for event in told] == [["accepted"]] * 4
        assert await state(sql, f"C-{place}") == (0, 0, 0, 0, 0), [event["type"] for event in each]
    assert await differences(engine) == []


LINES = [{"product_id": "tea", "price": 10, "quantity": 2}, {"product_id": "pot", "price": 35}]


async def in_every_order(sql, count, events, expected):
    """Counts the events in every order of arrival, each of a customer and shop of its own; one by one, or at once."""
    for place, each in enumerate(itertools.permutations(events)):
        told = [{**event, "source": f"{SOURCE}/{place}", "subject": f"C-{place}"} for event in each]
        if place % 2:
            assert set(await count(*told)) == {"accepted"}
        else:
            assert [await count(event) for event in told] == [["accepted"]] * len(told)
        assert await count(*told) == ["duplicate"] * len(told)
        assert await state(sql, f"C-{place}") == expected, [(event["type"], event["data"]) for event in each]


async def test_in_any_order_of_arrival_a_refund_without_an_amount_takes_what_is_left(sql, tell, count, engine):
    events = [
        tell("order.completed", days=9, total=50, products=LINES),
        tell("order.refunded", days=8, total=5),
        tell("order.refunded", days=7, products=[{"product_id": "tea"}]),  # costs 10
        tell("order.refunded", days=6),  # the rest, 35
        tell("order.refunded", days=5),  # nothing
    ]
    await in_every_order(sql, count, events, (1, 5000, 4, 5000, 3))
    assert await differences(engine) == []


async def test_a_refund_without_an_amount_follows_the_latest_version(sql, tell, count, engine):
    events = [
        tell("order.completed", days=9, total=50),
        tell("order.updated", days=8, total=80, products=LINES),
        tell("order.refunded", days=7, products=[{"product_id": "pot"}, {"product_id": "unknown"}]),
        tell("order.refunded", days=6, total=90),
    ]
    await in_every_order(sql, count, events, (1, 8000, 2, 12500, 3))
    assert await differences(engine) == []


async def test_lines_that_are_all_of_the_order_are_the_whole_of_it(sql, tell, count):
    bare = [{"product_id": "tea", "quantity": 2}, {"product_id": "pot"}]
    await count(tell("order.refunded", products=bare), tell("order.completed", days=2, total=50, products=bare))
    assert await state(sql) == (1, 5000, 1, 5000, 3)
    assert await count(tell("order.refunded", order_id="8", products=bare[:1])) == ["accepted"]
    await count(tell("order.completed", days=2, order_id="8", total=50, products=bare))
    assert await state(sql) == (2, 10_000, 2, 5000, 6)  # what a pot alone costs nobody told


async def test_a_refund_without_an_amount_of_a_source_without_identity_is_refused_and_kept(client, shop, sql, count):
    event = shop.event("order.refunded", data={"order_id": "7"})
    answer = (await client.post("/v1/events", json=[event])).json()
    assert answer["results"][0]["problem"]["errors"][0]["pointer"] == "/data/total"
    assert "PERENNIAL_ORDER_IDENTITY" in str(answer["results"][0]["problem"])
    assert await sql.value("SELECT count(*) FROM rejected_events") == 1
    assert await count(shop.event("order.refunded", data={"order_id": "7", "products": LINES})) == ["accepted"]
    assert await state(sql) == (0, 0, 1, 5500, 0)
    assert await count(shop.event("order.refunded", data={"order_id": "7", "total": "$5"})) == ["rejected"]


async def test_times_and_rhythm_are_as_if_the_order_had_not_been(sql, tell, count):
    await count(tell("order.completed", days=9, total=50), tell("order.completed", days=3, total=5, order_id="8"))
    await count(tell("order.cancelled", days=2, order_id="8"))
    await count(tell("order.completed", "C-2", days=9, total=50, order_id="9"))
    of_order = "first_order_us IS NOT NULL AS ordered, orders, last_order_us = first_order_us AS once"
    for customer in ("C-1", "C-2"):
        row = await sql.row(f"SELECT {of_order} FROM customer_states WHERE customer_id = :id", id=customer)
        assert tuple(row.values()) == (True, 1, True)


async def test_a_change_of_an_order_without_identity_is_refused_and_kept(client, shop, sql):
    event = shop.event("order.cancelled", data={"order_id": "7"})
    answer = (await client.post("/v1/events", json=[event])).json()
    assert "PERENNIAL_ORDER_IDENTITY" in str(answer["results"][0]["problem"])
    assert await sql.value("SELECT count(*) FROM rejected_events") == 1


async def test_at_the_till_the_answer_knows_what_an_order_is_now(client, tell, sql):
    await client.post("/v1/events", json=[tell("order.updated", total=60), tell("order.cancelled", order_id="8")])
    answer = await client.post("/v1/checkouts", json={"event": tell("order.completed", total=50)})
    assert answer.status_code == 200, answer.text
    again = await client.post("/v1/checkouts", json={"event": tell("order.completed", total=50)})
    assert again.json()["event"]["status"] == "duplicate"
    assert again.json()["decision"] == answer.json()["decision"]
    await client.post("/v1/checkouts", json={"event": tell("order.completed", order_id="8", total=5)})
    assert await state(sql) == (1, 6000, 0, 0, 0)


async def test_an_order_and_its_cancelling_at_the_same_moment_leave_nothing(client, sql, tell, engine):
    orders = [tell("order.completed", f"C-{number}", order_id=str(number), total=5) for number in range(40)]
    cancelled = [tell("order.cancelled", None, order_id=str(number)) for number in range(40)]
    events = [event for pair in zip(orders, cancelled, strict=True) for event in pair]
    answers = await asyncio.gather(*(client.post("/v1/events", json=event) for event in events))
    assert {answer.status_code for answer in answers} == {200}
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 0
    assert await differences(engine) == []
