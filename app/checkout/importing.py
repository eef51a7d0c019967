"""Many events at once, through the same statement as the till's."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.checkout.order_versions import Versions, begin_versions, settle_versions
from app.checkout.transaction import Transactions
from app.database.engine import KeyedDriver, transaction
from app.ingest.admission import admit_or_reject
from app.ingest.intake import Entry, Submission
from app.ingest.left_keys import LeftKeys
from app.ingest.queries import begin_import, save_import_progress
from app.ingest.refusals import Rejection
from app.ingest.rules import Rules
from app.lifecycle.events import Event
from app.lifecycle.tombstones import Tombstones
from app.loyalty.programme_queries import has_programme

BATCH_EVENTS = 1000
UNFLUSHED = "SET synchronous_commit = off"
"""The disk is waited for once, at the end. After a crash of the database there is what was committed up to
some moment: no batch is recorded that was not counted, and what was counted but not recorded is a duplicate."""
UNFLUSHED_HERE = "SET LOCAL synchronous_commit = off"


@dataclass(slots=True)
class ImportCount:
    """What became of the events so far; `lost`: lines of the file that should have counted and made no event; `erased`:
    of persons who were."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    erased: int = 0
    lost: int = 0
    versions: Versions | None = None

    @property
    def total(self) -> int:
        """All of them."""
        return self.accepted + self.duplicate + self.rejected + self.erased

    def add(self, submission: Submission, entry: Entry, known: int = 0) -> None:
        """A batch, and what became of it; `known`: how many of it were left out as known."""
        self.duplicate += known
        self.accepted += entry.statuses.count("accepted")
        self.duplicate += entry.statuses.count("duplicate")
        self.erased += entry.statuses.count("erased")
        self.rejected += len(submission.rejections) + entry.statuses.count("conflict")


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
    rules: Rules,
    source: str | None = None,
    open_corrections: Callable[[int], Iterator[Any]] | None = None,
) -> AsyncGenerator[ImportCount, None]:
    """Counts the events of an import, from where it stopped if it ran before.

    `open_events` gets the time (µs) at which the import first began, so that what depends on the time of
    day is the same when it is repeated. `source`: all are orders of that source, as a file exports them;
    `open_corrections`, after them, what the file takes back, where anything of that source is known. Yields the running
    count of this run after each batch.
    """
    async with transaction(engine) as connection:
        plan = await begin_import(connection, key, time.time_ns() // 1000)
        versions = None if source is None else await begin_versions(connection, source, plan.began_us, rules.digits)
    batches = 0 if plan.finished_us is not None else plan.batches_done
    raws = open_events(plan.began_us)
    if open_corrections is not None and versions is not None and versions.has_own:
        raws = chain(raws, open_corrections(plan.began_us))
    raws = islice(raws, batches * BATCH_EVENTS, None)
    async for count in count_events(engine, raws, rules, versions):
        batches += 1
        async with transaction(engine) as connection:
            await connection.execute(text(UNFLUSHED_HERE))
            await save_import_progress(connection, key, batches, None)
        yield count
    async with transaction(engine) as connection:
        await save_import_progress(connection, key, batches, time.time_ns() // 1000)


async def count_events(
    engine: AsyncEngine,
    raws: Iterator[Any],
    rules: Rules,
    versions: Versions | None = None,
) -> AsyncIterator[ImportCount]:
    """Counts CloudEvents in batches of 1,000; yields the running count after each has committed.

    While the database works on a batch, a thread reads and admits the next.
    """
    driver, count, loop = KeyedDriver(engine), ImportCount(versions=versions), asyncio.get_running_loop()
    tombstones, left_keys = Tombstones(rules.identity_key, rules.former_keys), LeftKeys(rules.lasting_key)
    earns_points = False
    given = (driver, rules.orders, None, rules.items_kept, tombstones, left_keys, lambda: earns_points)
    transactions = Transactions(*given)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="import") as reader:  # ends with nothing in hand
        try:
            await (await driver.connection()).execute(UNFLUSHED)
            submission = await loop.run_in_executor(reader, _admit_batch, raws, rules)
            while submission is not None:
                following = loop.run_in_executor(reader, _admit_batch, raws, rules)
                known = 0
                if versions is not None:
                    submission, known = await settle_versions(driver, submission, versions)
                if not earns_points:
                    async with transaction(engine) as connection:  # one may be put meanwhile
                        earns_points = await has_programme(connection)
                (entry,) = await transactions.enter([submission])
                if isinstance(entry, Exception):
                    raise entry
                count.add(submission, entry, known)
                yield count
                submission = await following
        finally:
            await driver.close()


def _admit_batch(raws: Iterator[Any], rules: Rules) -> Submission | None:
    """The next 1,000, read and checked; None: there are no more."""
    now_us = time.time_ns() // 1000
    admitted = [
        raw if isinstance(raw, Rejection) else admit_or_reject(raw, rules, now_us) for raw in islice(raws, BATCH_EVENTS)
    ]
    if not admitted:
        return None
    return Submission(
        tuple([item for item in admitted if isinstance(item, Event)]),
        tuple([item for item in admitted if isinstance(item, Rejection)]),
    )
