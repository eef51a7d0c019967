"""An order is one thing: told twice it counts once, changed it counts as it is now, cancelled it never was."""

import asyncio
import itertools

from tests.checkout.orders import SOURCE, differences, state


async def test_an_order_told_again_under_another_id_and_time_counts_once(sql, tell, count, engine):
    assert await count(tell("order.completed", days=3, total=17.94)) == ["accepted"]
    assert await count(tell("order.completed", days=2, total=17.94)) == ["duplicate"]
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
