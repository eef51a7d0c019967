"""Persons under races, under tampering, and while they are rebuilt."""

import asyncio
import itertools

import pytest

from app.checkout.batch import Batch
from app.checkout.transaction import run_steps
from app.customers import verification
from app.customers.linking import edges_of, link
from app.customers.verification import Difference, rebuild
from app.customers.verification_queries import rebuild_bounded_range, rebuild_range
from app.database.engine import transaction
from app.ingest.intake import Submission
from app.ingest.order_identity import OrderIdentity
from app.lifecycle.persons import persons_of
from app.lifecycle.states import CUSTOMER, ITEM, ITEMS_KEPT
from tests.customers.persons import (
    NOW_US,
    assert_is_state_of,
    differences,
    opened,
    persons,
)


async def test_merges_that_race_make_one_person(engine, book, sql):
    """The second works out its person only after the first has committed, and sees what it wrote."""
    await book.count(book.order("A"), book.order("B"), book.order("C"))
    async with opened(engine) as other:
        connection = await book.driver.connection()
        first = connection.transaction()
        await first.start()
        await link(book.driver, edges_of(book.merged("A", "B")))
        second = asyncio.create_task(other.count(other.merged("B", "C")))
        await sql.wait_for_lock()
        assert not second.done()
        await first.commit()
        await second
    assert await persons(sql) == dict.fromkeys("ABC", "A")


async def test_saying_again_what_is_known_waits_for_nobody(engine, book, sql):
    """A customer is seen with the same phone at every visit: only news need the lock of persons."""
    await book.count(book.identified("A", "1", days_ago=5))
    async with opened(engine) as other:
        connection = await other.driver.connection()
        async with connection.transaction():
            await link(other.driver, edges_of(other.merged("X", "Y")))
            async with asyncio.timeout(20):
                await book.count(book.order("A", identifiers=[{"kind": "card", "value": "1"}]))


async def test_merges_racing_with_orders_still_verify(engine, book, sql):
    names = [f"C{n}" for n in range(6)]

    async def trade(seed, type_):
        async with opened(engine) as mine:
            told = []
            for n in range(25):
                one, two = names[(n * seed) % 6], names[(n * seed + seed) % 6]
                if type_ == "order":
                    told += await mine.count(mine.order(one, n), mine.order(two, 1))
                elif n % 3 == 2:
                    told += await mine.count(mine.unmerged(one, two, 25 - n))
                else:
                    told += await mine.count(mine.merged(one, two, 26 - n), mine.identified(two, str(n % 4)))
            return told

    tasks = (trade(1, "order"), trade(5, "order"), trade(1, "merge"), trade(5, "merge"), trade(2, "merge"))
    told = list(itertools.chain.from_iterable(await asyncio.gather(*tasks)))
    expected = persons_of(edge for event in told for edge in edges_of(event))
    assert await persons(sql) == expected
    assert await differences(engine) == []
    for customer_id, state in zip(names, await book.read(*names), strict=True):
        person = expected.get(customer_id, customer_id)
        assert_is_state_of(state, [e for e in told if expected.get(e.customer_id, e.customer_id) == person])


TAMPERING = (
    "DELETE FROM persons WHERE customer_id = 'B'",
    "UPDATE persons SET person_id = 'B' WHERE customer_id = 'A'",
    "UPDATE persons SET person_id = 'D' WHERE customer_id IN ('A', 'B')",
    "INSERT INTO persons VALUES ('ghost', 'A'), ('phantom', 'phantom')",
    "DELETE FROM links WHERE low_id = 'A'",
    "UPDATE links SET is_joined = NOT is_joined",
    "UPDATE links SET first_us = 1, occurred_us = occurred_us + 1",
    "INSERT INTO links VALUES ('A', 'E', true, 'A', 1, 's', '1', 1)",
    "TRUNCATE links, persons",
)


@pytest.mark.parametrize("most", [1, 2000])
@pytest.mark.parametrize("tampering", TAMPERING)
async def test_persons_that_were_tampered_with_are_reported_and_repaired(
    book, sql, engine, monkeypatch, tampering, most
):
    monkeypatch.setattr(verification, "BATCH_CUSTOMERS", most)
    await book.count(book.merged("A", "B"), book.merged("C", "D"), book.identified("E", "1"), book.unmerged("F", "G"))
    kept, right = await sql.rows("SELECT * FROM links ORDER BY 1, 2"), await persons(sql)
    assert await differences(engine) == []
    await sql.rows(tampering)
    before = [await sql.rows("SELECT * FROM links ORDER BY 1, 2"), await persons(sql)]
    assert await differences(engine) != []
    assert [await sql.rows("SELECT * FROM links ORDER BY 1, 2"), await persons(sql)] == before
    async for _ in rebuild(engine):
        pass
    assert await differences(engine) == []
    assert await sql.rows("SELECT * FROM links ORDER BY 1, 2") == kept
    assert await persons(sql) == right


async def test_a_difference_names_the_ids_and_both_words(book, sql, engine):
    (event, *_) = await book.count(book.merged("B", "A"))
    await sql.rows("DELETE FROM links")
    word = (True, "B", event.occurred_us, event.source, event.id, event.occurred_us)
    assert await differences(engine) == [
        Difference("A", "link B", None, word),
        Difference("A", "person", "B", None),
        Difference("B", "person", "B", None),
    ]


async def test_links_that_come_while_they_are_rebuilt_are_kept(book, sql, engine):
    await book.count(book.merged("A", "B"))
    done = asyncio.Event()

    async def tell_more():
        async with opened(engine) as other:
            for n in itertools.count():
                if done.is_set():
                    return n
                await other.count(other.merged("A", f"C{n % 9}"), other.identified(f"D{n % 5}", str(n % 7)))
        return 0

    telling = asyncio.create_task(tell_more())
    for _ in range(5):
        async for _ in rebuild(engine):
            pass
    done.set()
    assert await telling > 1
    assert await differences(engine) == []


async def test_a_first_state_that_is_made_while_states_are_rebuilt_is_not_lost(book, sql, engine):
    """There is no row to lock: an earlier event's is missing, and a later event is about to make it."""
    await book.count(book.order("A", 1))
    await sql.rows("DELETE FROM customer_states")
    async with opened(engine) as other:
        connection = await other.driver.connection()
        counting = connection.transaction()
        await counting.start()
        await run_steps(Batch(other.driver, [Submission((other.order("A", 2),))], None, OrderIdentity(), NOW_US))
        rebuilding = asyncio.create_task(anext(rebuild(engine)))
        await sql.wait_for_lock()
        await counting.commit()
        assert await rebuilding == 1
    assert await differences(engine) == []


async def test_rebuilding_does_not_wait_for_who_waits_for_it(book, sql, engine):
    """Their items are written after their states: a customer who came in between may be held by another transaction."""
    await book.count(book.order("A"), book.order("C"))
    async with opened(engine) as other, transaction(engine) as rebuilding:
        await rebuild_range(rebuilding, CUSTOMER, "", None)
        await book.count(book.order("B"))
        selling = asyncio.create_task(other.count(other.order("B"), other.order("C")))
        await sql.wait_for_lock()
        async with asyncio.timeout(20):
            await rebuild_bounded_range(rebuilding, ITEM, "", None, ITEMS_KEPT)
        await rebuilding.commit()
        await selling
    assert await differences(engine) == []


async def test_a_customer_who_comes_while_states_are_rebuilt_is_left_alone(book, sql, engine):
    names = [f"C{n}" for n in range(40)]
    done = asyncio.Event()

    async def sell(order):
        async with opened(engine) as other:
            for name in order:
                await other.count(*(other.order(name) for _ in range(2)), other.order(order[0]))
        done.set()

    selling = asyncio.gather(sell(names), sell(names[::-1]))
    while not done.is_set():
        async for _ in rebuild(engine):
            pass
    await selling
    assert await differences(engine) == []
