"""Events leave the log while others are at work on it."""

import asyncio

from sqlalchemy import text

from app.customers import as_of, verification
from app.customers.service import read_past_states
from app.customers.verification import rebuild
from app.lifecycle.events import DAY_US
from app.privacy import leaving_queries
from tests.privacy.test_leaving import at, differences, let_leave, now_us, send


async def test_whoever_repeats_what_is_leaving_waits_and_finds_that_it_left(client, engine, sql, shop, monkeypatch):
    event = at(shop, 800, "order.completed", order_id="7", total=10)
    await send(client, [event])
    let_leave_now, repeats = leaving_queries.let_leave, []

    async def delete_while_it_comes_again(*given):
        await let_leave_now(*given)
        repeats.append(asyncio.create_task(send(client, [event])))
        await sql.wait_for_lock()

    monkeypatch.setattr(leaving_queries, "let_leave", delete_while_it_comes_again)
    assert await let_leave(engine, "order=400d") == {"order": 1}
    assert await asyncio.gather(*repeats) == [["duplicate"]]
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_what_leaves_while_a_past_time_is_looked_at_is_in_the_answer(client, engine, shop, monkeypatch):
    await send(client, [at(shop, days, "order.completed", order_id=str(days), total=10) for days in (900, 300)])
    past_us = now_us() - 200 * DAY_US
    before, fetch = await read_past_states(engine, ["C-1"], past_us), as_of._fetch

    async def look_and_let_leave(*given):
        rows = await fetch(*given)
        await let_leave(engine, "order=400d")
        return rows

    monkeypatch.setattr(as_of, "_fetch", look_and_let_leave)
    assert await read_past_states(engine, ["C-1"], past_us) == before


async def test_what_leaves_while_persons_are_rebuilt_joins_them_still(client, engine, sql, shop, monkeypatch):
    phone = {"identifiers": [{"kind": "phone", "value": "+8613800138000"}]}
    orders = [
        at(shop, 800, "order.completed", subject=each, order_id=each, total=10, **phone) for each in ("C-1", "C-2")
    ]
    await send(client, orders)
    people, batches = await sql.rows("SELECT * FROM persons ORDER BY customer_id"), verification._batches

    async def let_leave_first(*given):
        await let_leave(engine, "order=400d")
        async for rows in batches(*given):
            yield rows

    monkeypatch.setattr(verification, "_batches", let_leave_first)
    _ = [written async for written in rebuild(engine)]
    monkeypatch.undo()
    assert await sql.value("SELECT count(*) FROM base_links") == 2
    assert await sql.rows("SELECT * FROM persons ORDER BY customer_id") == people
    assert await differences(engine) == []


async def test_a_customer_whom_others_are_at_work_on_is_left_for_the_next_run(client, engine, sql, shop):
    await send(client, [at(shop, 800, "store.visited")])
    async with engine.begin() as connection:
        await connection.execute(text("SELECT FROM customer_states FOR UPDATE"))
        assert await let_leave(engine, "visit=400d") == {}
    assert await let_leave(engine, "visit=400d") == {"visit": 1}
