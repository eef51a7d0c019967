"""Several workers, each with a catalogue of its own."""

import asyncio
import time

from app.database.engine import transaction
from app.items import queries
from app.items.following import Items
from app.items.service import admit_items, put_items
from tests.items.conftest import MILK

PROMISED_SECONDS = 2.0


async def test_a_change_is_seen_by_another_worker_within_two_seconds(serve, service, put, wait_until):
    async with serve(prepares=False) as other:
        items = other.resources.of(Items)
        for task in other.resources._background:  # the refreshing of all parts would look by chance in time, too
            if task.get_name() == "refresh":
                task.cancel()
        await put(MILK)
        began = time.monotonic()

        async def sees(hidden):
            item = items.catalogue.item("4711")
            return item.is_known and item.hidden is hidden

        await wait_until(lambda: sees(False))
        assert time.monotonic() - began < PROMISED_SECONDS
        await put({**MILK, "hidden": True})
        began = time.monotonic()
        await wait_until(lambda: sees(True))
        assert time.monotonic() - began < PROMISED_SECONDS


async def test_only_what_changed_is_read(service, put, monkeypatch):
    await put(*({"item_id": f"I-{n}"} for n in range(50)))
    items, taken = service.resources.of(Items), []
    read_changes = queries.read_changes

    async def reading(*arguments):
        taken.append(await read_changes(*arguments))
        return taken[-1]

    monkeypatch.setattr(queries, "read_changes", reading)
    await put({"item_id": "I-7", "hidden": True})
    assert [row.item_id for rows in taken for row in rows] == ["I-7"]
    assert items.catalogue.size == 50


async def test_a_change_waits_for_the_one_before(service, engine, sql):
    """So that none is passed over because another, of a later version, committed first."""

    async def change(item_id, connection):
        (row,) = await admit_items([{"item_id": item_id}], 2)
        assert isinstance(row, dict)
        await put_items(connection, [row], 100)

    async def change_another():
        async with transaction(engine) as second:
            await change("b", second)

    async with transaction(engine) as first:
        await change("a", first)
        waiting = asyncio.create_task(change_another())
        await sql.wait_for_lock()
    await waiting
    rows = await sql.rows("SELECT item_id FROM items ORDER BY version")
    assert [row["item_id"] for row in rows] == ["a", "b"]


async def test_a_catalogue_that_was_emptied_is_read_anew(service, put, sql):
    await put(MILK)
    items = service.resources.of(Items)
    await sql.rows("TRUNCATE items")
    await items.follow(service.resources.engine)
    assert items.catalogue.size == 0
