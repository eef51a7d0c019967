"""What is older than a deployment wants to keep leaves, in pieces, one process at a time.

A run that was stopped is gone on with by whichever process looks next. Each piece is a transaction of its own.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

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
from app.lifecycle.events import DAY_US
from app.lifecycle.retention import Retention
from app.privacy import retention_queries as queries

RETENTION_LOCK: Final = 0x72657461  # "reta": one run at a time, however many replicas run
AT_ONCE: Final = 1_000
EVERY_US: Final = DAY_US
OVERDUE_US: Final = 2 * DAY_US


class RetentionReport(NamedTuple):
    """What a run came to: `rows` that left, by kind."""

    outcome: Literal["done", "runs elsewhere", "not due"]
    rows: Mapping[str, int] = {}


async def retain(
    engine: AsyncEngine,
    kept_for: Retention,
    now_us: int,
    *,
    share: float = 1.0,
    not_within_us: int = 0,
    report_progress: ReportProgress = ignore_progress,
) -> RetentionReport:
    """Deletes what is too old at `now_us`, unless another process does, or did `not_within_us` before.

    Raises NotReady when the database is out of reach.
    """
    try:
        async with alone(engine, RETENTION_LOCK) as driver:
            if driver is None:
                return RetentionReport("runs elsewhere")
            async with transaction(engine) as connection:
                run = await queries.read_last_run(connection)
                if run is None or run.finished_us is not None:
                    if run is not None and now_us - run.began_us < not_within_us:
                        return RetentionReport("not due")
                    run = await queries.begin_run(connection, now_us)
            return await _Run(engine, run.run_id, Counter(run.rows), share, report_progress).go(kept_for, now_us)
    except CONNECTION_LOST as error:
        raise NotReady("The database went away; the run is gone on with.") from error


class _Run(NamedTuple):
    """A run under way, and what has left in it so far."""

    engine: AsyncEngine
    run_id: int
    rows: Counter[str]
    share: float
    report_progress: ReportProgress

    async def go(self, kept_for: Retention, now_us: int) -> RetentionReport:
        """To its end."""
        for kind in queries.AGED:
            before_us = kept_for.cut_us(kind, now_us)
            while before_us is not None and await self._delete_piece(kind, before_us) == AT_ONCE:
                pass
        async with transaction(self.engine) as connection:
            await queries.save_run(connection, self.run_id, self.rows, time.time_ns() // 1000)
        return RetentionReport("done", dict(self.rows))

    async def _delete_piece(self, kind: str, before_us: int) -> int:
        began = time.perf_counter()
        async with transaction(self.engine) as connection:
            deleted = await queries.delete_aged(connection, kind, before_us, AT_ONCE)
            if deleted:
                self.rows[kind] += deleted
                await queries.save_run(connection, self.run_id, self.rows)
        self.report_progress(self.rows.total(), None)
        await yield_to_requests(began, self.share)
        return deleted


async def keep_retaining(engine: AsyncEngine, kept_for: Retention) -> None:
    """For ever, once a day over all processes together."""

    async def retain_if_due() -> Mapping[str, int] | None:
        now_us = time.time_ns() // 1000
        report = await retain(engine, kept_for, now_us, share=SERVICE_SHARE, not_within_us=EVERY_US)
        return report.rows if report.outcome == "done" else None

    await run_periodically("retention", 3600.0, retain_if_due)


_OVERDUE: Final = "What is too old has not left for two days: see retention.failed in the log."


async def check_retention(resources: Resources, connection: AsyncConnection) -> Checks:
    """Whether what is too old leaves, where anything is to."""
    if not resources.settings.kept_for.days:
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
