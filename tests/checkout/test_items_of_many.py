"""Items of many events at once: summed before they go to the database, and the same states come of it."""

from contextlib import aclosing

import pytest

from app.checkout import items as counting
from app.checkout.importing import run_import
from app.checkout.transaction import Transactions
from app.database.engine import Driver
from app.ingest.intake import Submission
from app.ingest.order_identity import OrderIdentity
from app.ingest.rules import Rules
from tests.checkout.orders import differences
from tests.checkout.test_item_bound import order
from tests.checkout.test_transaction import make_events

RULES = Rules("CNY", 2, b"key")
ITEMS = [{"product_id": f"item-{number}", "price": number, "quantity": 2} for number in range(7)]


@pytest.fixture
def orders(shop):
    """1,500 orders of 40 customers, each of three lines, two of one item."""

    def make(number):
        lines = [ITEMS[number % 7], ITEMS[number % 5], ITEMS[number % 7]]
        return shop.order(f"C-{number % 40}", at=shop.ago(days=number % 900), products=lines)

    return [make(number) for number in range(1500)]


async def run(engine, events, key="file", stop_after=None):
    async with aclosing(run_import(engine, key, lambda _: iter(events), RULES)) as batches:
        done = 0
        async for _ in batches:
            done += 1
            if done == stop_after:
                break


async def test_an_import_that_was_broken_off_leaves_states_that_agree_with_its_events(engine, sql, orders):
    await run(engine, orders, stop_after=1)
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 1000
    assert await differences(engine) == []
    await run(engine, orders)
    await run(engine, orders, key="again")
    pairs = sum(number % 7 != number % 5 for number in range(1500))
    assert await sql.value("SELECT sum(orders) FROM customer_items") == 1500 + pairs
    assert await differences(engine) == []


async def test_a_batch_that_fails_leaves_neither_events_nor_states(engine, sql, orders, monkeypatch):
    original = Driver.copy

    async def copy_and_fail(driver, table, columns):
        await original(driver, table, columns)
        raise RuntimeError("killed after the states, before the commit")

    monkeypatch.setattr(Driver, "copy", copy_and_fail)
    with pytest.raises(RuntimeError, match="killed"):
        await run(engine, orders)
    assert await sql.value("SELECT count(*) FROM events") == 0
    assert await sql.value("SELECT count(*) FROM customer_items") == 0
    monkeypatch.undo()
    await run(engine, orders)
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 1500
    assert await differences(engine) == []


async def test_of_whom_something_was_forgotten_counts_what_still_counts(engine, sql, monkeypatch):
    """Customers with states, with a horizon, and with none, in one batch."""
    monkeypatch.setattr(counting, "STRIDE", 1)
    monkeypatch.setattr(counting, "MANY", 1)
    driver = Driver(engine)
    transactions = Transactions(driver, OrderIdentity(), items_kept=3)

    async def count(customer_ids, *drawn):
        events = make_events(drawn)
        told = [
            event._replace(customer_id=customer_id, id=f"{customer_id}-{event.id}-{event.occurred_us}")
            for customer_id in customer_ids
            for event in events
        ]
        await transactions.enter([Submission(tuple(told))])

    await count("A", order(9, "a", "b"), order(7, "c", "d"), order(6, "b"))
    await count("B", order(9, "a", "b"))
    await count("ABC", order(10, "a", "z"), order(8, "b"), order(5, "a"))
    await driver.close()
    rows = await sql.rows("SELECT customer_id, item_id, orders FROM customer_items ORDER BY 1, 2")
    kept = {name: {row["item_id"]: row["orders"] for row in rows if row["customer_id"] == name} for name in "ABC"}
    assert kept == {
        "A": {"a": 1, "b": 3, "d": 1},
        "B": {"a": 3, "b": 2, "z": 1},
        "C": {"a": 2, "b": 1, "z": 1},
    }
    assert await differences(engine) == []
