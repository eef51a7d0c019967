"""Recommendations, and offers, that are too old to tell anything by are deleted."""

import time
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Column, Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import LOOK_SECONDS, SERVICE_SHARE, run_periodically, yield_to_requests
from app.database.engine import transaction
from app.database.item_tables import price_offers, recommendation_shadows, recommendations
from app.lifecycle.events import DAY_US

DELETED_AT_ONCE: Final = 2_000
AGED: Final[dict[str, tuple[Table, Column[int]]]] = {
    "recommendations": (recommendations, recommendations.c.given_us),
    "shadows": (recommendation_shadows, recommendation_shadows.c.given_us),
    "offers": (price_offers, price_offers.c.valid_until_us),
}
"""What is forgotten: its table, and the time from which its age counts."""


async def delete_some(connection: AsyncConnection, name: str, before_us: int) -> int:
    """Deletes up to DELETED_AT_ONCE of AGED that are of before a time, the oldest first; how many there were."""
    table, aged_us = AGED[name]
    key = tuple(table.primary_key.columns)
    oldest = (
        select(*key)
        .where(aged_us < before_us)
        .order_by(aged_us)
        .limit(DELETED_AT_ONCE)
        .with_for_update(skip_locked=True)  # several workers may look at the same time
    )
    return (await connection.execute(delete(table).where(tuple_(*key).in_(oldest)))).rowcount


async def forget_old(engine: AsyncEngine, name: str, days: int) -> int:
    """Deletes all of AGED that are older than so many days, each piece in a transaction of its own; how many."""
    before_us, forgotten = time.time_ns() // 1000 - days * DAY_US, 0
    while True:
        began = time.perf_counter()
        async with transaction(engine) as connection:
            count = await delete_some(connection, name, before_us)
        forgotten += count
        if count < DELETED_AT_ONCE:
            return forgotten
        await yield_to_requests(began, SERVICE_SHARE)


async def keep_forgetting(engine: AsyncEngine, days: int) -> None:
    """Looks once in a minute, for ever: where there are none, it is one look at an index."""

    async def forget() -> Mapping[str, int] | None:
        forgotten = {name: await forget_old(engine, name, days) for name in AGED}
        return forgotten if any(forgotten.values()) else None

    await run_periodically("forgetting", LOOK_SECONDS, forget)
