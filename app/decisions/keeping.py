"""Decisions whose receipts are written in time, or not at all."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.database.engine import CONNECTION_LOST, Driver
from app.database.gatherer import Apart, Gatherer
from app.decisions.contact_book import ContactBook
from app.decisions.deadlines import Deadline
from app.decisions.settling import Draft, Made, note_contacts, settle
from app.decisions.writing import write_decisions
from app.foundation.errors import NotReady
from app.foundation.metrics import count_decisions


@dataclass(slots=True, eq=False)
class Keeping:
    """A decision on the way to its receipt, which is written by `limit_s` or not at all (None: whenever). Whoever asked
    may withdraw it as long as its writing has not begun."""

    draft: Draft
    limit_s: float | None = None
    is_begun: bool = False
    is_withdrawn: bool = False

    def is_over(self, now_s: float) -> bool:
        """Nobody waits for it any more."""
        return self.is_withdrawn or (self.limit_s is not None and self.limit_s <= now_s)


Receipts = Gatherer[Keeping, bytes | None]
"""Where receipts wait to be written: the answer (JSON) of each that has been."""


async def keep_decision(receipts: Receipts, draft: Draft, deadline: Deadline | None) -> bytes | None:
    """The answer of the decision as it is settled. None: there was no time, and nothing is kept. Raises NotReady where
    that is not known in time."""
    limit_s = None if deadline is None else deadline.limit_s(time.monotonic())
    if deadline is not None and limit_s is None:
        return None
    keeping = Keeping(draft, limit_s)
    try:
        async with asyncio.timeout_at(None if deadline is None else deadline.gone_s) as timeout:
            return await receipts.submit(keeping)
    except TimeoutError as error:
        if timeout.expired() and not keeping.is_begun:
            keeping.is_withdrawn = True
            return None
        raise NotReady("The database takes too long. The decision may yet be kept.") from error


async def keep_decisions(driver: Driver, book: ContactBook, keepings: Sequence[Keeping]) -> list[bytes | None]:
    """Settles the decisions that there is time for and writes their receipts, in a transaction of their own; their
    answers.

    Raises Apart when one is not written in time, NotReady when the database is out of reach.
    """
    now_s = time.monotonic()
    kept = [place for place, item in enumerate(keepings) if not item.is_over(now_s)]
    if not kept:
        return [None] * len(keepings)
    made = await _write(driver, book, [keepings[place] for place in kept], keepings)
    count_decisions([decision for decision, _ in made])
    answers = dict(zip(kept, (answer for _, answer in made), strict=True))
    return [answers.get(place) for place in range(len(keepings))]


async def _write(driver: Driver, book: ContactBook, kept: Sequence[Keeping], batch: Sequence[Keeping]) -> list[Made]:
    limits_s = [item.limit_s for item in kept if item.limit_s is not None]
    connection = await driver.connection()
    for item in kept:
        item.is_begun = True
    timeout = asyncio.timeout_at(min(limits_s, default=None))
    try:
        async with connection.transaction(), timeout:
            return await _settle(driver, book, [item.draft for item in kept])
    except CONNECTION_LOST as error:
        if timeout.expired():
            raise part_overdue([item.limit_s for item in batch], min(limits_s)) from error
        await driver.close()
        raise NotReady("The database went away; the decision may yet have been kept.") from error


async def _settle(driver: Driver, book: ContactBook, drafts: Sequence[Draft]) -> list[Made]:
    now_us = time.time_ns() // 1000
    settled = await settle(driver, drafts, book, now_us)
    written = await write_decisions(driver, settled.made)
    await note_contacts(driver, drafts, settled, written)
    return settled.made


def part_overdue(limits_s: Sequence[float | None], passed_s: float) -> Apart:
    """Parts those of a batch whose limit has passed from the others, which go after them."""
    overdue = [place for place, limit_s in enumerate(limits_s) if limit_s is not None and limit_s <= passed_s]
    others = [place for place in range(len(limits_s)) if place not in set(overdue)]
    return Apart(overdue, others) if others else Apart(overdue)
