"""Several workers, each with a catalogue of its own."""

import asyncio
import time

from app.items import queries
from app.items.following import Items
from tests.items.conftest import MILK

PROMISED_SECONDS = 2.0


async def test_a_change_is_seen_by_another_worker_within_two_seconds(serve, service, put, wait_until):
    async with serve(prepares=False) as other:
        items = other.resources.of(Items)
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


async def test_changes_at_the_same_time_are_all_seen(service, client, sql, wait_until):
    """They go one after the other: no version is passed over because another committed first."""

    async def change(n):
        await client.put("/v1/items", json=[{"item_id": f"I-{n % 10}", "price": float(n)}, {"item_id": f"J-{n}"}])

    await asyncio.gather(*(change(n) for n in range(40)))
    items = service.resources.of(Items)
    await items.follow(service.resources.engine)
    rows = await sql.rows("SELECT item_id, price_minor, version FROM items")
    assert len(rows) == 50
    assert len({row["version"] for row in rows}) > 1
    assert {row["item_id"]: row["price_minor"] for row in rows} == {
        row["item_id"]: items.catalogue.item(row["item_id"]).price_minor for row in rows
    }


async def test_a_catalogue_that_was_emptied_is_read_anew(service, put, sql):
    await put(MILK)
    items = service.resources.of(Items)
    await sql.rows("TRUNCATE items")
    await items.follow(service.resources.engine)
    assert items.catalogue.size == 0
