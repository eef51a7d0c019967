"""Many events at once, through the same statement as the till's."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.db import Driver, transaction
from app.decisions.service import Deciding
from app.events.ledger import Ledger, Submission
from app.events.queries import begin_import, note_import
from app.events.service import Rejection, admit_or_reject
from app.lifecycle.events import Event

BATCH_EVENTS = 1000


@dataclass(slots=True)
class ImportCount:
    """What became of the events so far."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.accepted + self.duplicate + self.rejected


def import_id(content: Iterable[bytes], options: str) -> str:
    """What an import is known by: the file's content and the options that it is read with."""
    digest = hashlib.sha256(options.encode())
    for part in content:
        digest.update(part)
    return digest.hexdigest()


async def run_import(
    engine: AsyncEngine,
    key: str,
    open_events: Callable[[int], Iterator[Any]],
    settings: Settings,
    identity_key: bytes,
) -> AsyncIterator[ImportCount]:
    """Counts the events of an import, from where it stopped if it ran before.

    `open_events` gets the time (µs) at which the import first began, so that what depends on the time of
    day is the same when it is repeated. Yields the running count of this run after each batch.
    """
    async with transaction(engine) as connection:
        plan = await begin_import(connection, key, time.time_ns() // 1000)
    batches = 0 if plan.finished_us is not None else plan.batches_done
    raws = islice(open_events(plan.began_us), batches * BATCH_EVENTS, None)
    async for count in count_events(engine, raws, settings, identity_key):
        batches += 1
        async with transaction(engine) as connection:
            await note_import(connection, key, batches, None)
        yield count
    async with transaction(engine) as connection:
        await note_import(connection, key, batches, time.time_ns() // 1000)


async def count_events(
    engine: AsyncEngine,
    raws: Iterator[Any],
    settings: Settings,
    identity_key: bytes,
) -> AsyncIterator[ImportCount]:
    """Counts CloudEvents in batches of 1,000; yields the running count after each has committed."""
    driver, count = Driver(engine), ImportCount()
    ledger = Ledger(driver, _no_decisions)
    try:
        while batch := list(islice(raws, BATCH_EVENTS)):
            now_us = time.time_ns() // 1000
            admitted = [
                raw
                if isinstance(raw, Rejection)
                else admit_or_reject(
                    raw,
                    now_us=now_us,
                    currency=settings.currency,
                    digits=settings.digits,
                    identity_key=identity_key,
                )
                for raw in batch
            ]
            submission = Submission(
                tuple(item for item in admitted if isinstance(item, Event)),
                tuple(item for item in admitted if isinstance(item, Rejection)),
            )
            (entry,) = await ledger.enter([submission])
            if isinstance(entry, Exception):
                raise entry
            count.accepted += entry.statuses.count("accepted")
            count.duplicate += entry.statuses.count("duplicate")
            count.rejected += len(submission.rejections) + entry.statuses.count("conflict")
            yield count
    finally:
        await driver.close()


def _no_decisions() -> Deciding:
    raise AssertionError("an import asks for no decisions")
