"""`verify` tells every difference between states and events, and `rebuild` leaves none."""

import asyncio
import random
from contextlib import aclosing

import pytest

from app.customers import verification
from app.customers.verification import Difference, fill, rebuild, verify
from app.foundation.errors import Refusal

TYPES = [
    (
        "order.completed",
        lambda chance: {"order_id": "A", "total": chance.randint(0, 10**6) / 100, "channel": "store"},
    ),
    ("order.completed", lambda chance: {"order_id": "B", "total": 5, "discount": chance.randint(0, 99)}),
    ("order.refunded", lambda chance: {"order_id": "A", "total": chance.randint(0, 1000)}),
    ("product.viewed", lambda _: {"product_id": "1"}),
    ("feedback.submitted", lambda chance: {"metric": "csat", "score": chance.randint(1, 5)}),
    ("consent.changed", lambda chance: {"purpose": "marketing", "granted": chance.random() < 0.5}),
    ("case.opened", lambda _: {"case_id": "K", "kind": "complaint"}),
    ("points.earned", lambda chance: {"points": chance.randint(0, 99)}),
    ("something.else", lambda _: {}),
]
CUSTOMERS = ["A", "B", "a", "b", "É", "é", "客户甲", "10", "9", " x", "~", "🛒"]
"""Of an order that differs from one collation to the next."""


@pytest.fixture
async def states(client, sql, shop):
    """Twelve customers with random histories."""
    chance = random.Random(5)
    for _ in range(4):
        batch = []
        for customer in CUSTOMERS:
            for type_, data in chance.choices(TYPES, k=5):
                at = shop.ago(seconds=chance.randint(0, 10**8))
                batch.append(shop.event(type_, customer, at=at, data=data(chance)))
        chance.shuffle(batch)
        assert (await client.post("/v1/events", json=batch)).json()["accepted"] == 60
    return {row["customer_id"]: dict(row) for row in await sql.rows("SELECT * FROM customer_states")}


async def differences(engine):
    return [found async for batch in verify(engine) for found in batch.differences]


async def repair(engine):
    return [written async for written in rebuild(engine)]


async def test_random_histories_verify_clean(engine, states):
    batches = [batch async for batch in verify(engine)]
    assert sum(batch.customers for batch in batches) == len(CUSTOMERS)
    assert [found for batch in batches for found in batch.differences] == []


@pytest.mark.parametrize("most", [1, 2, 5, 12, 13])
async def test_ranges_leave_no_customer_out_and_take_none_twice(engine, sql, states, monkeypatch, most):
    monkeypatch.setattr(verification, "BATCH_CUSTOMERS", most)
    sizes = [batch.customers async for batch in verify(engine)]
    assert sum(sizes) == len(CUSTOMERS)
    assert max(sizes) <= most
    await sql.rows("UPDATE customer_states SET orders = orders + 1")
    assert sum(await repair(engine)) == len(CUSTOMERS)
    assert await differences(engine) == []


async def test_an_empty_database(engine, sql):
    assert await differences(engine) == []
    assert sum(await repair(engine)) == 0


TAMPERED = {
    "orders": ("orders + 1", lambda kept: kept + 1),
    "spend_minor": ("-7", lambda _: -7),
    "order_days": ("order_days || 7", lambda kept: (*kept, 7)),
    "latest_csat": ("'00000000000000001␟a␟b␟5'", lambda _: "00000000000000001␟a␟b␟5"),
    "first_event_us": ("NULL", lambda _: None),
    "second_last_order_us": ("1", lambda _: 1),
    "consent_marketing": ("NULL", lambda _: None),
}


def as_declared(value):
    """An array as the tuple that it is in the core."""
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("measure", TAMPERED)
async def test_a_state_that_was_tampered_with_is_reported_exactly_and_repaired(engine, sql, states, measure):
    expression, expected = TAMPERED[measure]
    customer = next(name for name, state in states.items() if state[measure] is not None)
    await sql.rows(
        f"UPDATE customer_states SET {measure} = {expression} WHERE customer_id = :customer",
        customer=customer,
    )
    right = as_declared(states[customer][measure])
    assert await differences(engine) == [Difference(customer, measure, expected(right), right)]
    assert sum(await repair(engine)) == len(CUSTOMERS)
    assert await differences(engine) == []
    repaired = await sql.value(f"SELECT {measure} FROM customer_states WHERE customer_id = :c", c=customer)
    assert as_declared(repaired) == right


async def test_sums_of_floats_may_differ_by_rounding_and_by_no_more(engine, sql, states):
    customer = max(states, key=lambda name: states[name]["spend_decayed_480d"])

    async def shift(by):
        change = "UPDATE customer_states SET spend_decayed_480d = spend_decayed_480d * :by WHERE customer_id = :id"
        await sql.rows(change, by=by, id=customer)

    await shift(1 + 1e-12)
    assert await differences(engine) == []
    await shift(1 + 1e-8)
    (found,) = await differences(engine)
    assert (found.customer_id, found.measure) == (customer, "spend_decayed_480d")


async def test_missing_and_superfluous_states(engine, sql, states):
    await sql.rows("DELETE FROM customer_states WHERE customer_id = '客户甲'")
    await sql.rows("INSERT INTO customer_states (customer_id, orders) VALUES ('ghost', 3)")
    await sql.rows("DELETE FROM events WHERE customer_id = 'A'")
    found = await differences(engine)
    assert {(item.customer_id, item.measure, item.kept, item.recomputed) for item in found} == {
        ("客户甲", "row", "missing", "present"),
        ("ghost", "row", "present", "missing"),
        ("A", "row", "present", "missing"),
        ("A", "case K row", "present", "missing"),
        ("A", "consent marketing * row", "present", "missing"),
    }
    await repair(engine)
    assert await differences(engine) == []
    left = [row["customer_id"] for row in await sql.rows("SELECT customer_id FROM customer_states")]
    assert sorted(left) == sorted(set(CUSTOMERS) - {"A"})


async def test_verify_changes_nothing(engine, sql, states):
    await sql.rows("UPDATE customer_states SET orders = 77")
    before = await sql.rows("SELECT * FROM customer_states ORDER BY customer_id")
    await differences(engine)
    assert await sql.rows("SELECT * FROM customer_states ORDER BY customer_id") == before


async def test_a_range_is_committed_when_it_is_told_of(engine, client, sql, shop, states, monkeypatch):
    """Whoever consumes the counts may take its time: nobody waits for locks meanwhile."""
    monkeypatch.setattr(verification, "BATCH_CUSTOMERS", 5)
    await sql.rows("UPDATE customer_states SET visits = 1000000")
    left = "SELECT count(*) FROM customer_states WHERE visits = 1000000"
    async with aclosing(rebuild(engine)) as ranges:
        assert [await sql.value(left) async for _ in ranges] == [7, 2, 0]


async def test_events_that_come_while_states_are_rebuilt_are_counted(engine, client, sql, shop, states, monkeypatch):
    monkeypatch.setattr(verification, "BATCH_CUSTOMERS", 3)
    done = asyncio.Event()

    async def sell():
        sold = 0
        while not done.is_set():
            batch = [shop.order(customer) for customer in (*CUSTOMERS, f"new {sold % 3}")]
            assert (await client.post("/v1/events", json=batch)).json()["accepted"] == len(batch)
            sold += 1
        return sold

    selling = asyncio.create_task(sell())
    for _ in range(5):
        await repair(engine)
    done.set()
    async with asyncio.timeout(60):
        assert await selling > 1
    assert await differences(engine) == []


ADDED = [
    *("visits", "order_days", "last_visit_us", "visits_decayed_15d", "season_cos", "latest_csat"),
    "second_last_order_us",
]
"""A measure of every kind of merge, as they are just after their column was added: nothing is in it."""
EMPTIED = (
    "UPDATE customer_states SET visits = 0, last_visit_us = NULL, visits_decayed_15d = 0, season_cos = 0,"
    " order_days = '{}', latest_csat = NULL, second_last_order_us = NULL"
)


async def test_measures_that_were_added_are_filled_while_events_come_in(engine, client, sql, shop, states, monkeypatch):
    monkeypatch.setattr(verification, "BATCH_CUSTOMERS", 3)
    await sql.rows(EMPTIED)
    assert {found.measure for found in await differences(engine)} == set(ADDED)
    done = asyncio.Event()

    async def sell():
        sold = 0
        while not done.is_set():
            kinds: list[tuple[str, dict[str, object]]] = [
                ("order.completed", {"order_id": "A", "total": 5}),
                ("store.visited", {}),
            ]
            everybody = (*CUSTOMERS, f"new {sold % 3}")
            batch = [shop.event(type_, customer, data=data) for customer in everybody for type_, data in kinds]
            assert (await client.post("/v1/events", json=batch)).json()["accepted"] == len(batch)
            sold += 1
        return sold

    selling = asyncio.create_task(sell())
    for _ in range(5):
        assert sum([written async for written in fill(engine, ADDED)]) >= len(CUSTOMERS)
    done.set()
    async with asyncio.timeout(60):
        assert await selling > 1
    assert await differences(engine) == []


async def test_filling_a_measure_leaves_the_others_and_who_has_no_state_as_they_are(engine, sql, states):
    await sql.rows("UPDATE customer_states SET orders = 77, visits = 77")
    await sql.rows("DELETE FROM customer_states WHERE customer_id = 'A'")
    assert sum([written async for written in fill(engine, ["visits"])]) == len(CUSTOMERS) - 1
    kept = {row["customer_id"]: dict(row) for row in await sql.rows("SELECT * FROM customer_states")}
    assert kept == {name: state | {"orders": 77} for name, state in states.items() if name != "A"}


async def test_what_is_no_measure_is_not_filled(engine, sql, states):
    with pytest.raises(Refusal, match="no measure customer_id"):
        await anext(fill(engine, ["visits", "customer_id"]))


async def test_a_measure_of_another_state_than_the_customers_is_filled_too(engine, sql, states):
    await sql.rows("UPDATE customer_cases SET complained_us = NULL")
    assert {found.measure for found in await differences(engine)} == {"case K complained_us"}
    cases = await sql.value("SELECT count(*) FROM customer_cases")
    assert sum([written async for written in fill(engine, ["complained_us"])]) == cases > 0
    assert await differences(engine) == []
