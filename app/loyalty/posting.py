"""The round that posts for whoever was marked, or has something due, in pieces that give way to tills.

Whoever asks for a balance is posted for first: so a round may be late, and nobody is told less than there is.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.background import run_periodically, yield_to_requests
from app.database.engine import alone, transaction
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.loyalty import pending_queries as pending
from app.loyalty.entitlements import Terms
from app.loyalty.held import Loyalty
from app.loyalty.queries import count_events
from app.loyalty.service import settle

EVERY_S: Final = 5.0
SHARE: Final = 0.1
"""Of the time of a process."""
PIECE: Final = 100
"""Customers that are looked for at a time; when it cannot be done for so many, the round is over."""
MOST_EVENTS: Final = 2_000
"""Of those that are posted for in one transaction, unless it is one customer's."""
KNOWN_AFTER_US: Final = 10_000_000
"""After which every process knows of a programme."""
_LOCK: Final = 0x706F696E  # "poin": one process at a time


async def post_all(
    engine: AsyncEngine, terms: Callable[[], Terms], clock: Callable[[], int], share: float = 1.0
) -> int:
    """Posts for all that wait; how many customers. Nothing where another process does. `terms` and `clock` (µs) are
    asked for each transaction: a round may take long, and a programme begin meanwhile."""
    posted, failed = 0, set[str]()
    async with alone(engine, _LOCK) as driver:
        if driver is None:
            return 0
        await _mark(engine, clock(), share)
        while True:
            began = time.perf_counter()
            async with transaction(engine) as connection:
                piece = await pending.find_piece(connection, clock(), PIECE, failed)
                events = await count_events(connection, piece.keys())
            if not piece or len(failed) >= PIECE:
                return posted
            await yield_to_requests(began, share)
            for customer_ids in _by_events(events, piece):
                failed |= await _post(engine, terms, clock, {each: piece[each] for each in customer_ids}, share)
            posted += len(piece.keys() - failed)


async def _mark(engine: AsyncEngine, now_us: int, share: float) -> None:
    """Marks whoever has bought since a first programme began that was put a while ago, whom a process may have counted
    before it knew of it. After what stops in between it begins anew: nobody is posted for twice."""
    async with transaction(engine) as connection:
        found = await pending.find_unmarked(connection, now_us - KNOWN_AFTER_US)
    if not found.versions:
        return
    if found.since_us is not None:
        after: str | None = ""
        while after is not None:
            began = time.perf_counter()
            async with transaction(engine) as connection:
                after = await pending.mark_range(connection, after, found.since_us)
            await yield_to_requests(began, share)
    async with transaction(engine) as connection:
        await pending.note_marked(connection, found.versions, now_us)


def _by_events(events: Mapping[str, int], customer_ids: Collection[str]) -> Iterator[list[str]]:
    """The customers in pieces of MOST_EVENTS events at most, or of one customer."""
    piece, count = list[str](), 0
    for each in sorted(customer_ids):
        if piece and count + events.get(each, 0) > MOST_EVENTS:
            yield piece
            piece, count = [], 0
        piece.append(each)
        count += events.get(each, 0)
    yield piece


async def _post(
    engine: AsyncEngine,
    terms: Callable[[], Terms],
    clock: Callable[[], int],
    piece: Mapping[str, Collection[int]],
    share: float,
) -> set[str]:
    """Posts for customers, and removes these marks of theirs. Those for whom it cannot be done, by a defect of ours:
    they stay marked, and keep nobody else waiting."""
    began = time.perf_counter()
    try:
        async with transaction(engine) as connection:
            await settle(connection, terms(), piece.keys(), clock())
            await pending.unmark(connection, [each for marks in piece.values() for each in marks])
    except (NotReady, OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever fails for one customer is not to stop all others
        failure = error
    else:
        await yield_to_requests(began, share)
        return set()
    if len(piece) > 1:
        one_by_one = [await _post(engine, terms, clock, {each: marks}, share) for each, marks in piece.items()]
        return set().union(*one_by_one)
    log.defect("points.failed", failure)
    return {*piece}


async def keep_posting(engine: AsyncEngine, loyalty: Loyalty) -> None:
    """For ever, while there is a programme."""

    async def work() -> Mapping[str, int] | None:
        if not loyalty.is_on:
            return None
        posted = await post_all(engine, loyalty.terms, lambda: time.time_ns() // 1000, SHARE)
        return {"customers": posted} if posted else None

    await run_periodically("points", EVERY_S, work)
