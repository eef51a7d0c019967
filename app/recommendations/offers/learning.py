"""How much the shop sells on discount, and what a customer's own share is worth beside it: learned of a sample."""

import time
from collections.abc import Mapping
from typing import Final

import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine

from app.customers.item_states import read_item_states
from app.customers.service import read_states
from app.database.background import SERVICE_SHARE, cut, run_periodically, yield_to_requests
from app.database.engine import CONNECTION_LOST, Driver, alone
from app.foundation.errors import NotReady
from app.lifecycle.events import DAY_US
from app.lifecycle.pricing.sensitivity import Habit, ShopShare, fit_shop_share
from app.monitoring.sampling import draw_sample
from app.recommendations.offers.queries import FORGET_SHARES, KEEP_SHARE, READ_SHARE
from app.recommendations.offers.standing import count_items, habit_of

SHARES_LOCK: Final = 0x73686172  # "shar": one process at a time learns, however many replicas run
CUSTOMERS: Final = 3_000
CHUNK: Final = 50
KEPT_DAYS: Final = 400
_HOUR_US: Final = 3_600_000_000


async def learn_shop_share(engine: AsyncEngine, now_us: int, every_us: int = 0, share: float = 1.0) -> ShopShare | None:
    """Learns and keeps it as of now; None: another process does, or it was since the last multiple of `every_us`.

    Raises NotReady when the database is out of reach.
    """
    try:
        async with alone(engine, SHARES_LOCK) as driver:
            if driver is None:
                return None
            latest = await driver.fetch(READ_SHARE)
            if every_us and latest and latest[0]["at_us"] >= now_us // every_us * every_us:
                return None
            learned = await _learn(driver, share)
            await driver.fetch(KEEP_SHARE, at_us=now_us, **learned._asdict())
            await driver.fetch(FORGET_SHARES, before_us=now_us - KEPT_DAYS * DAY_US)
            return learned
    except CONNECTION_LOST as error:
        raise NotReady("The database went away; it can be learned again.") from error


async def _learn(driver: Driver, share: float) -> ShopShare:
    habits: list[Habit] = []
    for chunk in cut(await draw_sample(await driver.connection(), CUSTOMERS, share), CHUNK):
        states, items = await read_states(driver, chunk), await read_item_states(driver, chunk)
        began = time.perf_counter()
        pairs = zip(states, items, strict=True)
        habits += [
            habit_of(state, count_items(theirs))
            for state, theirs in pairs
            if state is not None and not state.refuses_profiling
        ]
        await yield_to_requests(began, share)
    return fit_shop_share(np.array([each.orders for each in habits]), np.array([each.share for each in habits]))


async def keep_learning(engine: AsyncEngine, every_hours: int) -> None:
    """Learns for ever, once in so many hours (24: a UTC day) over all processes together; whichever looks first."""

    async def learn() -> Mapping[str, float] | None:
        learned = await learn_shop_share(engine, time.time_ns() // 1000, every_hours * _HOUR_US, SERVICE_SHARE)
        return None if learned is None else learned._asdict()

    await run_periodically("offers", every_hours * 3600.0, learn)
