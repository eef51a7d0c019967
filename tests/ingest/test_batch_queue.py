"""Batches that wait are few, since each holds up to 1 MiB: the next is turned away at once, and may come again."""

import asyncio

from app.checkout.part import BULK_QUEUE
from app.ingest.intake import Intake


async def test_a_batch_too_many_is_refused_at_once_and_those_that_waited_are_counted(
    client, service, shop, sql, wait_until
):
    async def send(event):
        return await client.post("/v1/events", json=[event])

    async def is_full():
        return service.resources.of(Intake).bulk.waiting == BULK_QUEUE

    one_too_many = shop.order()
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events")
        under_way = asyncio.create_task(send(shop.order()))
        await sql.wait_for_lock()
        waiting = [asyncio.create_task(send(shop.order())) for _ in range(BULK_QUEUE)]
        await wait_until(is_full)
        refused = await send(one_too_many)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["type"] == "urn:perennial:problem:overloaded"
    for response in await asyncio.gather(under_way, *waiting):
        assert response.json()["accepted"] == 1
    assert (await send(one_too_many)).json()["accepted"] == 1
    assert await sql.value("SELECT orders FROM customer_states") == BULK_QUEUE + 2
