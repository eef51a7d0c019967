"""Probes are answered whatever else waits for the database."""

import asyncio

from app.runtime.health import Shared


async def test_ready_while_a_table_is_locked_and_every_connection_waits_for_it(serve, sql, shop):
    async with serve(patience_ms=30_000) as service, sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events, customer_states")
        key = {"Authorization": f"Bearer {service.key}"}
        async with service.connect(headers=key) as client, asyncio.TaskGroup() as group:
            reads = [group.create_task(client.get("/v1/customers/C-1/events")) for _ in range(40)]
            await sql.wait_for_lock()
            for _ in range(3):
                assert (await client.get("/readyz")).status_code == 200
            for read in reads:
                read.cancel()
            await other.rollback()


async def test_any_number_of_probes_at_once_is_one_look():
    looks, go_on = [], asyncio.Event()

    async def look():
        looks.append(1)
        await go_on.wait()
        return len(looks)

    shared = Shared(look)
    asked = [asyncio.create_task(shared.ask()) for _ in range(10)]
    await asyncio.sleep(0)
    asked[0].cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*asked[1:]) == [1] * 9
    assert await shared.ask() == 2
