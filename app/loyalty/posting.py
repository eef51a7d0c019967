"""The round that posts for whoever was marked, or has something due, in pieces that give way to tills.

Whoever asks for a balance is posted for first: so a round may be late, and nobody is told less than there is.
"""

import time
from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.background import run_periodically, yield_to_requests
from app.database.engine import alone, transaction
from app.loyalty.entitlements import Terms
from app.loyalty.held import Loyalty
from app.loyalty.pending_queries import find_piece, mark_since, unmark
from app.loyalty.service import settle

EVERY_S: Final = 5.0
SHARE: Final = 0.1
"""Of the time of a process."""
PIECE: Final = 100
KNOWN_AFTER_US: Final = 10_000_000
"""After which every process knows of a programme."""
_LOCK: Final = 0x706F696E  # "poin": one process at a time


async def post_all(engine: AsyncEngine, terms: Terms, now_us: int, share: float = 1.0) -> int:
    """Posts for all that wait; how many customers. Nothing where another process does."""
    posted = 0
    async with alone(engine, _LOCK) as driver:
        if driver is None:
            return 0
        async with transaction(engine) as connection:
            await mark_since(connection, now_us - KNOWN_AFTER_US, now_us)
        while True:
            began = time.perf_counter()
            async with transaction(engine) as connection:
                piece = await find_piece(connection, now_us, PIECE)
                await settle(connection, terms, piece.customer_ids, now_us)
                await unmark(connection, piece.pending_ids)
            posted += len(piece.customer_ids)
            if not piece.customer_ids:
                return posted
            await yield_to_requests(began, share)


async def keep_posting(engine: AsyncEngine, loyalty: Loyalty) -> None:
    """For ever, while there is a programme."""

    async def work() -> Mapping[str, int] | None:
        if not loyalty.is_on:
            return None
        posted = await post_all(engine, loyalty.terms(), time.time_ns() // 1000, SHARE)
        return {"customers": posted} if posted else None

    await run_periodically("points", EVERY_S, work)
