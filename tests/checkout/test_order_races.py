"""An order, and what is said of it, counted by two transactions at the same moment."""

import asyncio

import pytest

from app.checkout.batch import Batch
from app.checkout.order_queries import begin_with
from app.checkout.transaction import open_transaction, run_steps
from app.customers.verification import verify
from app.ingest.admission import admit
from app.ingest.intake import Submission
from app.ingest.order_identity import OrderIdentity
from app.ingest.rules import Rules
from tests.checkout.test_transaction import NOW_US, opened

RULES = Rules("CNY", 2, b"k")
IDENTITY = OrderIdentity()
BOUGHT = ("order.completed", {"order_id": "7", "total": 10})
UPDATED = ("order.updated", {"order_id": "7", "total": 25})
CANCELLED = ("order.cancelled", {"order_id": "7"})
REFUNDED = ("order.refunded", {"order_id": "7"})


def event(told, customer="C-1"):
    type_, data = told
    raw = {"specversion": "1.0", "id": type_, "source": "/shopify/shop", "type": type_, "subject": customer}
    return admit({**raw, "time": "2026-03-01T10:00:00Z", "data": data}, RULES, NOW_US)


@pytest.mark.parametrize(
    ("first", "second", "orders", "spend_minor", "refunded_minor"),
    [
        (BOUGHT, CANCELLED, 0, 0, 0),
        (CANCELLED, BOUGHT, 0, 0, 0),
        (BOUGHT, UPDATED, 1, 2500, 0),
        (UPDATED, BOUGHT, 1, 2500, 0),
        (BOUGHT, REFUNDED, 0, 1000, 1000),
        (REFUNDED, BOUGHT, 0, 1000, 1000),
    ],
)
async def test_the_second_finds_what_the_first_has_said(
    engine, sql, first, second, orders, spend_minor, refunded_minor
):
    """The first has counted, and has not committed: the second waits before it looks."""
    async with opened(engine) as one, opened(engine) as other:
        mine, theirs = event(first), event(second, "C-2")
        connection = await one._driver.connection()
        async with open_transaction(connection, begin_with(IDENTITY.claims_of([mine]))):
            await run_steps(Batch(one._driver, [Submission((mine,))], None, IDENTITY))
            waiting = asyncio.create_task(other.enter([Submission((theirs,))]))
            await sql.wait_for_lock()
            assert not waiting.done()
        await waiting
    found = await sql.row(
        "SELECT sum(orders) AS orders, sum(spend_minor) AS spend, sum(refunded_minor) AS refunded FROM customer_states"
    )
    assert [int(found[name]) for name in ("orders", "spend", "refunded")] == [orders, spend_minor, refunded_minor]
    assert [difference async for batch in verify(engine) for difference in batch.differences] == []


@pytest.mark.parametrize("is_many_first", [True, False])
async def test_a_batch_of_many_orders_and_a_cancellation_of_one(engine, sql, is_many_first):
    """Many are held by whole parts, one by itself: they find each other all the same."""
    many = tuple(event(("order.completed", {"order_id": str(number), "total": 1}), "C-1") for number in range(300))
    batches = [many, (event(CANCELLED),)]
    mine, theirs = batches if is_many_first else batches[::-1]
    async with opened(engine) as one, opened(engine) as other:
        connection = await one._driver.connection()
        async with open_transaction(connection, begin_with(IDENTITY.claims_of(mine))):
            await run_steps(Batch(one._driver, [Submission(mine)], None, IDENTITY))
            waiting = asyncio.create_task(other.enter([Submission(theirs)]))
            await sql.wait_for_lock()
            assert not waiting.done()
        await waiting
    assert (await sql.row("SELECT orders FROM customer_states WHERE customer_id = 'C-1'"))["orders"] == 299


async def test_a_failed_transaction_gives_its_claims_back(engine, sql):
    async with opened(engine) as one, opened(engine) as other:
        connection = await one._driver.connection()
        with pytest.raises(ZeroDivisionError):
            async with open_transaction(connection, begin_with(IDENTITY.claims_of([event(BOUGHT)]))):
                raise ZeroDivisionError
        assert not connection.is_in_transaction()
        async with asyncio.timeout(20):
            await other.enter([Submission((event(BOUGHT),))])
    assert (await sql.row("SELECT orders FROM customer_states"))["orders"] == 1


def test_claims_are_taken_in_one_order():
    events = [event(("order.completed", {"order_id": str(number), "total": 1})) for number in range(2000)]
    claims = IDENTITY.claims_of(events)
    assert claims == sorted(set(claims)) == IDENTITY.claims_of(reversed(events))
    assert len(claims) == 2000
    assert 0 <= claims[0] < claims[-1] < 2**31


async def test_different_orders_do_not_wait_for_each_other(engine, sql):
    """Even two of the same part, where both are few."""
    many = [event(("order.completed", {"order_id": str(number), "total": 1}), f"C-{number}") for number in range(600)]
    first = many[0]
    part = IDENTITY.claims_of([first])[0] % 256
    second = next(each for each in many[1:] if IDENTITY.claims_of([each])[0] % 256 == part)
    async with opened(engine) as one, opened(engine) as other:
        connection = await one._driver.connection()
        async with open_transaction(connection, begin_with(IDENTITY.claims_of([first]))):
            await run_steps(Batch(one._driver, [Submission((first,))], None, IDENTITY))
            async with asyncio.timeout(20):
                await other.enter([Submission((second,))])
    assert (await sql.row("SELECT count(*) AS n FROM customer_states"))["n"] == 2
