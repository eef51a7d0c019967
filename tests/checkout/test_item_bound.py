"""What a customer bought is kept within a bound; what is forgotten, and what counts afterwards, `verify` knows."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.checkout import items as counting
from app.checkout.transaction import Transactions
from app.customers.verification import rebuild
from app.database.engine import Driver
from app.ingest.intake import Submission
from app.ingest.order_identity import OrderIdentity
from tests.checkout.orders import differences
from tests.checkout.test_transaction import make_events

DAY_US = 86_400_000_000


@pytest.fixture
async def bounded(engine, sql, monkeypatch):
    """Transactions that keep three items of a customer, and look after each piece."""
    monkeypatch.setattr(counting, "STRIDE", 1)
    driver = Driver(engine)
    yield Transactions(driver, OrderIdentity(), items_kept=3)
    await driver.close()


def order(days, *names):
    data = {"order_id": str(days), "total": 1, "products": [{"product_id": name} for name in names]}
    return ("order.completed", "A", "s", days * DAY_US, data)


async def count(transactions, *drawn):
    """Each in a transaction of its own, in this order."""
    for event in make_events(drawn):
        await transactions.enter([Submission((event._replace(customer_id="A"),))])


async def kept(sql):
    return {row["item_id"]: row["orders"] for row in await sql.rows("SELECT item_id, orders FROM customer_items")}


async def test_those_silent_longest_go_first_and_of_one_time_those_first_by_name(bounded, sql, engine):
    await count(bounded, order(9, "a", "b", "c"), order(8, "a"), order(7, "d"))
    assert await kept(sql) == {"a": 2, "c": 1, "d": 1}
    assert await differences(engine) == []


async def test_what_was_forgotten_counts_from_when_it_is_bought_again(bounded, sql, engine):
    await count(bounded, order(9, "a", "b"), order(8, "a"), order(7, "c", "d", "e"))
    assert await kept(sql) == {"c": 1, "d": 1, "e": 1}
    await count(bounded, order(6, "a"))
    assert await kept(sql) == {"a": 1, "d": 1, "e": 1}
    assert await differences(engine) == []


async def test_what_comes_late_counts_towards_what_was_kept_all_the_while(bounded, sql, engine):
    await count(bounded, order(9, "a", "b"), order(7, "c", "d"), order(6, "b"))
    assert await kept(sql) == {"b": 2, "c": 1, "d": 1}
    await count(bounded, order(10, "a", "b", "z"), order(8, "b"))
    assert await kept(sql) == {"b": 3, "c": 1, "d": 1}
    assert await differences(engine) == []


async def test_a_rebuild_counts_all_of_what_it_keeps(bounded, sql, engine):
    await count(bounded, order(9, "a", "b"), order(8, "a"), order(7, "c", "d", "e"), order(6, "a"))
    assert [written async for written in rebuild(engine, 2)] == [1]
    assert await kept(sql) == {"a": 3, "e": 1}
    assert await differences(engine) == []
    await rebuild_all(engine, 100)
    assert await kept(sql) == {"a": 3, "b": 1, "c": 1, "d": 1, "e": 1}
    assert await sql.rows("SELECT * FROM state_horizons") == []


async def rebuild_all(engine, most):
    assert sum([written async for written in rebuild(engine, most)]) == 1


async def test_verify_tells_of_what_is_not_as_it_should_be(bounded, sql, engine):
    """Forgotten is no excuse for what should be there, nor for a wrong count."""
    await count(bounded, order(9, "a", "b"), order(8, "c", "d"), order(7, "e"), order(6, "a"))
    assert await kept(sql) == {"a": 1, "d": 1, "e": 1}
    await sql.rows("DELETE FROM customer_items WHERE item_id = 'e'")
    assert {found.measure for found in await differences(engine)} == {"item e row"}
    await sql.rows("UPDATE customer_items SET orders = orders + 1 WHERE item_id = 'a'")
    assert "item a orders" in {found.measure for found in await differences(engine)}


async def test_a_customer_with_many_lines_keeps_few(engine, sql):
    """Of 100,000 lines, in orders of 250."""
    chance = random.Random(3)
    driver = Driver(engine)
    transactions = Transactions(driver, OrderIdentity())
    names = [f"item-{number}" for number in range(5000)]
    for half in (400, 200):
        events = make_events([order(half - days, *chance.choices(names, k=250)) for days in range(200)])
        events = [event._replace(customer_id="A", id=f"{half}-{event.id}") for event in events]
        for start in range(0, len(events), 20):
            await transactions.enter([Submission(tuple(events[start : start + 20]))])
    await driver.close()
    (row,) = await sql.rows("SELECT count(*) AS items FROM customer_items")
    assert row["items"] == 500
    assert await differences(engine) == []


STEPS = st.lists(st.tuples(st.integers(0, 8), st.sets(st.sampled_from("abcdef"), min_size=1, max_size=4)), max_size=10)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, cuts=st.sets(st.integers(1, 9)), seed=st.integers(0, 10**6))
async def test_any_order_and_any_grouping_verifies(engine, steps, cuts, seed):
    """Each example is a customer of its own: whatever was forgotten, the rest is what the events say."""
    events = [
        event._replace(customer_id=f"{seed}-{event.source}") for event in make_events([order(d, *i) for d, i in steps])
    ]
    driver, bounds = Driver(engine), sorted(cuts | {0, len(events)})
    transactions = Transactions(driver, OrderIdentity(), items_kept=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "STRIDE", 1)
        for start, end in itertools.pairwise(bounds):
            if start < len(events):
                await transactions.enter([Submission(tuple(events[start:end]))])
    await driver.close()
    assert await differences(engine) == []
