"""What was decided and not shown or delivered in time is given back; contacts that no window reaches are forgotten."""

import time
from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.background import LOOK_SECONDS, SERVICE_SHARE, run_periodically, yield_to_requests
from app.database.engine import transaction
from app.decisions.activating import give_back_all
from app.decisions.reservation_queries import forget_contacts, forget_offers, release_overdue, uncount
from app.lifecycle.events import DAY_US

AT_ONCE: Final = 500
KEPT_DAYS: Final = 400
"""Windows are a year at most."""


async def release_all_overdue(engine: AsyncEngine, now_us: int) -> int:
    """Gives back all reservations whose time is over, each piece in a transaction of its own; how many."""
    released = 0
    while True:
        began = time.perf_counter()
        async with transaction(engine) as connection:
            rows = await release_overdue(connection, now_us, AT_ONCE)
            await uncount(connection, rows)
            await forget_offers(connection, rows)
        released += len(rows)
        if len(rows) < AT_ONCE:
            return released
        await yield_to_requests(began, SERVICE_SHARE)


async def forget_all_old(engine: AsyncEngine, now_us: int) -> int:
    """Deletes all contacts of before KEPT_DAYS; how many."""
    forgotten = 0
    while True:
        began = time.perf_counter()
        async with transaction(engine) as connection:
            count = await forget_contacts(connection, now_us - KEPT_DAYS * DAY_US, AT_ONCE)
        forgotten += count
        if count < AT_ONCE:
            return forgotten
        await yield_to_requests(began, SERVICE_SHARE)


async def keep_releasing(engine: AsyncEngine) -> None:
    """Looks once in a minute, for ever: where there is none, it is a look at an index."""

    async def release() -> Mapping[str, int] | None:
        now_us = time.time_ns() // 1000
        done = {
            "decisions": await give_back_all(engine, now_us),
            "released": await release_all_overdue(engine, now_us),
            "forgotten": await forget_all_old(engine, now_us),
        }
        return done if any(done.values()) else None

    await run_periodically("contacts", LOOK_SECONDS, release)
