"""What is old enough is deleted from the head of the chain; a row at its end says so: the rest is verified still."""

import time
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import queries
from app.audit.chain import Chain
from app.audit.recorder import SERVICE, add_entries, entry_of
from app.audit.verification import CUT
from app.database.engine import transaction
from app.lifecycle.events import DAY_US

PIECE: Final = 10_000
"""Rows deleted in one transaction."""


async def cut_head(engine: AsyncEngine, chain: Chain, days: int, now_us: int) -> int:
    """Deletes the first rows that are older than so many days; how many."""
    cut = 0
    while True:
        piece = await _cut_piece(engine, chain, now_us - days * DAY_US)
        cut += piece
        if piece < PIECE:
            return cut


async def _cut_piece(engine: AsyncEngine, chain: Chain, before_us: int) -> int:
    async with transaction(engine) as connection:
        await queries.lock_tip(connection)
        last = await queries.find_last_before(connection, before_us, PIECE)
        if last is None:
            return 0
        cut = await queries.delete_to(connection, last.seq)
        told = entry_of(SERVICE, "erase", CUT, time.time_ns() // 1000, calls=cut, target=str(last))
        await add_entries(connection, chain, [told])
        return cut
