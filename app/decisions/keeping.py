"""Decisions whose receipts are written in time, or not at all."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.database.engine import CONNECTION_LOST, Driver
from app.database.gatherer import Apart, Gatherer
from app.decisions.deadlines import Deadline
from app.decisions.service import Decision, write_decisions
from app.foundation.errors import NotReady
from app.foundation.metrics import count_decisions


@dataclass(slots=True, eq=False)
class Keeping:
    """A decision and its answer (JSON) on the way to its receipt, which is written by `limit_s` or not at all (None:
    whenever). Whoever asked may withdraw it as long as its writing has not begun."""

    decision: Decision
    answer: bytes
    limit_s: float | None = None
    is_begun: bool = False
    is_withdrawn: bool = False

    def is_over(self, now_s: float) -> bool:
        """Nobody waits for it any more."""
        return self.is_withdrawn or (self.limit_s is not None and self.limit_s <= now_s)


Receipts = Gatherer[Keeping, bool]
"""Where receipts wait to be written; whether each has been."""


async def keep_decision(receipts: Receipts, decision: Decision, answer: bytes, deadline: Deadline | None) -> bool:
    """False: there was no time, and nothing is kept. Raises NotReady where that is not known in time."""
    limit_s = None if deadline is None else deadline.limit_s(time.monotonic())
    if deadline is not None and limit_s is None:
        return False
    keeping = Keeping(decision, answer, limit_s)
    try:
        async with asyncio.timeout_at(None if deadline is None else deadline.gone_s) as timeout:
            return await receipts.submit(keeping)
    except TimeoutError as error:
        if timeout.expired() and not keeping.is_begun:
            keeping.is_withdrawn = True
            return False
        raise NotReady("The database takes too long. The decision may yet be kept.") from error


async def keep_decisions(driver: Driver, keepings: Sequence[Keeping]) -> list[bool]:
    """Writes the receipts that there is time for, in a transaction of their own, and tells which.

    Raises Apart when one is not written in time, NotReady when the database is out of reach.
    """
    now_s = time.monotonic()
    kept = [place for place, item in enumerate(keepings) if not item.is_over(now_s)]
    if kept:
        await _write(driver, [keepings[place] for place in kept], keepings)
        count_decisions([keepings[place].decision for place in kept])
    return [place in kept for place in range(len(keepings))]


async def _write(driver: Driver, kept: Sequence[Keeping], batch: Sequence[Keeping]) -> None:
    limits_s = [item.limit_s for item in kept if item.limit_s is not None]
    connection = await driver.connection()
    for item in kept:
        item.is_begun = True
    try:
        async with connection.transaction(), asyncio.timeout_at(min(limits_s, default=None)) as timeout:
            await write_decisions(driver, [(item.decision, item.answer) for item in kept])
    except CONNECTION_LOST as error:
        if timeout.expired():
            raise part_overdue([item.limit_s for item in batch], min(limits_s)) from error
        await driver.close()
        raise NotReady("The database went away; the decision may yet have been kept.") from error


def part_overdue(limits_s: Sequence[float | None], passed_s: float) -> Apart:
    """Parts those of a batch whose limit has passed from the others, which go after them."""
    overdue = [place for place, limit_s in enumerate(limits_s) if limit_s is not None and limit_s <= passed_s]
    others = [place for place in range(len(limits_s)) if place not in set(overdue)]
    return Apart(overdue, others) if others else Apart(overdue)
