"""What is older than a deployment wants to keep leaves, in pieces, one process at a time.

A run that was stopped is gone on with by whichever process looks next. Each piece is a transaction of its own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import (
    SERVICE_SHARE,
    ReportProgress,
    ignore_progress,
    run_periodically,
    yield_to_requests,
)
from app.database.engine import CONNECTION_LOST, alone, transaction
from app.foundation.errors import NotReady
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import Checks, Resources
from app.ingest.intake import Intake
from app.ingest.left_keys import LeftKeys
from app.lifecycle.events import DAY_US
from app.lifecycle.retention import Retention
from app.privacy import retention_queries as queries
from app.privacy.leaving import Piece, let_some_leave

RETENTION_LOCK: Final = 0x72657461  # "reta": one run at a time, however many replicas run
AT_ONCE: Final = 1_000
ATTEMPTS: Final = 12
EVERY_US: Final = DAY_US
OVERDUE_US: Final = 2 * DAY_US


class RetentionReport(NamedTuple):
    """What a run came to: `rows` that left, by kind."""

    outcome: Literal["done", "runs elsewhere", "not due", "another key"]
    rows: Mapping[str, int] = {}


async def retain(
    engine: AsyncEngine,
    keys: LeftKeys,
    kept_for: Retention,
    now_us: int,
    *,
    share: float = 1.0,
    not_within_us: int = 0,
    report_progress: ReportProgress = ignore_progress,
) -> RetentionReport:
    """Deletes what is too old at `now_us`, unless another process does, or did `not_within_us` before; nothing where
    what has left before is not known by these keys.

    Raises NotReady when the database is out of reach, and where others hold on to what is to leave: it is gone on with.
    """
    try:
        async with alone(engine, RETENTION_LOCK) as driver:
            if driver is None:
                return RetentionReport("runs elsewhere")
            async with transaction(engine) as connection:
                if await queries.is_by_another_key(connection, keys.mark):
                    return RetentionReport("another key")
                run = await queries.read_last_run(connection)
                if run is None or run.finished_us is not None:
                    if run is not None and abs(now_us - run.began_us) < not_within_us:
                        return RetentionReport("not due")
                    run = await queries.begin_run(connection, now_us)
            return await _Run(engine, keys, run, kept_for, share, report_progress).go(now_us)
    except CONNECTION_LOST as error:
        raise NotReady("The database went away; the run is gone on with.") from error


class _Run(NamedTuple):
    """A run under way, as it was begun, or before it is gone on with."""

    engine: AsyncEngine
    keys: LeftKeys
    row: Any
    kept_for: Retention
    share: float
    report_progress: ReportProgress

    async def go(self, now_us: int) -> RetentionReport:
        """To its end."""
        done = sum(self.row.rows.values())
        async for left in self._pieces(now_us):
            done += left
            self.report_progress(done, None)
        async with transaction(self.engine) as connection:
            row = await queries.finish_run(connection, self.row.run_id, time.time_ns() // 1000)
        return RetentionReport("done", row.rows)

    async def _pieces(self, now_us: int) -> AsyncIterator[int]:
        """How many rows left in each."""
        for kind in queries.AGED:
            before_us, left = self.kept_for.cut_us(kind, now_us), AT_ONCE
            while before_us is not None and left == AT_ONCE:
                began = time.perf_counter()
                left = await self._delete_piece(kind, before_us)
                yield left
                await yield_to_requests(began, self.share)
        after = (self.row.after_id or "") if self.kept_for.of_events else None
        while after is not None:
            began = time.perf_counter()
            rows, after = await self._let_leave(after, now_us)
            yield rows.total()
            await yield_to_requests(began, self.share)

    async def _delete_piece(self, kind: str, before_us: int) -> int:
        async with transaction(self.engine) as connection:
            deleted = await queries.delete_aged(connection, kind, before_us, AT_ONCE)
            if deleted:
                await queries.save_progress(connection, self.row.run_id, {kind: deleted}, self.row.after_id)
        return deleted

    async def _let_leave(self, after: str, now_us: int) -> Piece:
        """Waits for others a few times."""
        cuts_us = self.kept_for.cuts_us(now_us)
        for attempt in range(1, ATTEMPTS):
            try:
                return await let_some_leave(self.engine, self.keys, self.row.run_id, cuts_us, after)
            except NotReady:
                await asyncio.sleep(0.2 * attempt)
        return await let_some_leave(self.engine, self.keys, self.row.run_id, cuts_us, after)


async def keep_retaining(engine: AsyncEngine, keys: LeftKeys, kept_for: Retention) -> None:
    """For ever, once a day over all processes together."""

    async def retain_if_due() -> Mapping[str, int] | None:
        now_us = time.time_ns() // 1000
        report = await retain(engine, keys, kept_for, now_us, share=SERVICE_SHARE, not_within_us=EVERY_US)
        return report.rows if report.outcome == "done" else None

    await run_periodically("retention", 3600.0, retain_if_due)


ANOTHER_KEY: Final = (
    "Events have left by another key, and are counted once more where they come again: set PERENNIAL_ARMS_KEY, or put "
    "back HOME/arms-key, as it was when they left."
)
_OVERDUE: Final = "What is too old has not left for two days: see retention.failed in the log."


async def check_retention(resources: Resources, connection: AsyncConnection) -> Checks:
    """Whether what is too old leaves, where anything is to, and what has left is known."""
    if await queries.is_by_another_key(connection, LeftKeys(resources.of(Intake).rules.lasting_key).mark):
        return {"privacy:retention": CheckOut(status="fail", componentType="component", output=ANOTHER_KEY)}
    if not resources.settings.kept_for.limits_anything:
        return {}
    found = await queries.read_last_finished(connection)
    if found is None:
        output = "Nothing was looked for yet; 'perennial retain' does it at once."
        return {"privacy:retention": CheckOut(status="pass", componentType="component", output=output)}
    age_us = time.time_ns() // 1000 - found.finished_us
    is_overdue = age_us > OVERDUE_US
    return {
        "privacy:retention": CheckOut(
            status="warn" if is_overdue else "pass",
            componentType="component",
            observedValue=round(age_us / DAY_US, 2),
            observedUnit="days",
            output=_OVERDUE if is_overdue else None,
            time=datetime.fromtimestamp(found.finished_us / 1e6, UTC),
        )
    }


async def retention_gauges(_: Resources, connection: AsyncConnection) -> Iterable[GaugeValue]:
    """How long ago the last run ended, and how many rows left in it."""
    found = await queries.read_last_finished(connection)
    if found is None:
        return []
    told: list[GaugeValue] = [("perennial_retention_age_seconds", (), time.time() - found.finished_us / 1e6)]
    return [*told, *(("perennial_retention_rows", (kind,), count) for kind, count in found.rows.items())]
