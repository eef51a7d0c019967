"""Recommendations that are too old to tell anything by are deleted."""

import time
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import LOOK_SECONDS, SERVICE_SHARE, run_periodically, yield_to_requests
from app.database.engine import transaction
from app.database.item_tables import recommendation_shadows, recommendations
from app.lifecycle.events import DAY_US

DELETED_AT_ONCE: Final = 2_000


async def delete_some(connection: AsyncConnection, before_us: int) -> int:
    """Deletes up to DELETED_AT_ONCE of those that were given before a time, the oldest first, and of what would have
    been shown in their place; how many there were, of which more."""
    return max([await _delete_of(connection, table, before_us) for table in (recommendations, recommendation_shadows)])


async def _delete_of(connection: AsyncConnection, table: Table, before_us: int) -> int:
    key = list(table.primary_key.columns)
    oldest = (
        select(*key)
        .where(table.c.given_us < before_us)
        .order_by(table.c.given_us)
        .limit(DELETED_AT_ONCE)
        .with_for_update(skip_locked=True)  # several workers may look at the same time
    )
    return (await connection.execute(delete(table).where(tuple_(*key).in_(oldest)))).rowcount


async def forget_old(engine: AsyncEngine, days: int) -> int:
    """Deletes all that were given more than so many days ago, each piece in a transaction of its own."""
    before_us, forgotten = time.time_ns() // 1000 - days * DAY_US, 0
    while True:
        began = time.perf_counter()
        async with transaction(engine) as connection:
            count = await delete_some(connection, before_us)
        forgotten += count
        if count < DELETED_AT_ONCE:
            return forgotten
        await yield_to_requests(began, SERVICE_SHARE)


async def keep_forgetting(engine: AsyncEngine, days: int) -> None:
    """Looks once in a minute, for ever: where there are none, it is one look at an index."""

    async def forget() -> Mapping[str, int] | None:
        forgotten = await forget_old(engine, days)
        return {"recommendations": forgotten} if forgotten else None

    await run_periodically("forgetting", LOOK_SECONDS, forget)
