"""The sweep: everybody judged at one time, what changed recorded; it finds what silence changes.

Customers are read in the order of their ids, 2,000 a statement, judged a hundred at a time, and recorded 500
a statement. Each statement is a transaction of its own, so nobody waits for a sweep long, and one that
was stopped is simply begun again: what it recorded is found unchanged. It runs in the event loop, in
pieces of one to three milliseconds, and gives way after each; with a `share` below 1 it sleeps as
well, so that it takes no more than that share of the loop's time. A thread would hold the interpreter
for five milliseconds at a time against every request that comes back from waiting.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import asyncpg
import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine

from app.customers.everybody import read_vectors
from app.customers.service import read_states
from app.database.background import (
    SERVICE_SHARE,
    ReportProgress,
    cut,
    ignore_progress,
    run_periodically,
    yield_to_requests,
)
from app.database.engine import (
    CONNECTION_LOST,
    Driver,
    Statement,
    alone,
    fetch,
)
from app.foundation.errors import NotReady
from app.lifecycle.features import Floats
from app.stages import sweep_queries as queries
from app.stages.changes import (
    Before,
    Comparison,
    Customer,
    StageChange,
    find_changes,
    read_stored,
)
from app.stages.queries import RECORD_STAGES_AS_READ
from app.stages.service import StageContext, digest_policy

SWEEP_LOCK: Final = 0x73776565  # "swee": one sweep at a time, however many replicas run
CHUNK: Final = 100
WRITTEN_AT_ONCE: Final = 500


class SweepReport(NamedTuple):
    """What a sweep came to. `written` are rows of `stages`; `customers` those judged."""

    outcome: Literal["done", "runs elsewhere", "not due"]
    customers: int = 0
    written: int = 0
    transitions: int = 0


async def sweep(
    engine: AsyncEngine,
    context: StageContext,
    now_us: int,
    *,
    share: float = 1.0,
    not_within_us: int = 0,
    report_progress: ReportProgress = ignore_progress,
) -> SweepReport:
    """Judges everybody at `now_us`, unless another process does, or did `not_within_us` before.

    `report_progress` is called with the customers done. Raises NotReady when the database is out of reach.
    """
    try:
        async with alone(engine, SWEEP_LOCK) as driver:
            if driver is None:
                return SweepReport("runs elsewhere")
            connection = await driver.connection()
            await connection.execute("SET synchronous_commit = off")  # what a crash loses, the next sweep finds again
            return await _Sweep(connection, driver, context, now_us, share, report_progress).run(not_within_us)
    except CONNECTION_LOST as error:
        raise NotReady("The database went away; the sweep can be begun again.") from error


async def keep_sweeping(engine: AsyncEngine, context: Callable[[], StageContext], every_minutes: int) -> None:
    """Sweeps for ever, once in so many minutes over all processes together; whichever looks first."""

    async def sweep_if_due() -> Mapping[str, int] | None:
        now_us, within_us = time.time_ns() // 1000, every_minutes * 60_000_000
        report = await sweep(engine, context(), now_us, share=SERVICE_SHARE, not_within_us=within_us)
        if report.outcome != "done":
            return None
        return {"customers": report.customers, "transitions": report.transitions}

    await run_periodically("sweep", every_minutes * 60.0, sweep_if_due)


class _Sweep:
    """One sweep, on the connection that holds the lock: when that is lost, so is the sweep."""

    def __init__(
        self,
        connection: "asyncpg.Connection[Any]",
        driver: Driver,
        context: StageContext,
        now_us: int,
        share: float,
        report_progress: ReportProgress,
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._comparison = Comparison(context, None, now_us)
        self._share = share
        self._report_progress = report_progress
        self._customers = self._written = self._transitions = 0

    async def run(self, not_within_us: int) -> SweepReport:
        context, _, now_us = self._comparison
        model = context.scoring.model
        rules = {"model_version": None if model is None else model.version, "policy": digest_policy(context)}
        for last in await self._fetch(queries.LAST_SWEEP):
            if now_us - last["as_of_us"] < not_within_us:
                return SweepReport("not due")
            rules_changed = any(last[name] != value for name, value in rules.items())
            self._comparison = Comparison(context, Before(last["as_of_us"], rules_changed), now_us)
        (row,) = await self._fetch(queries.BEGIN_SWEEP, as_of_us=now_us, **rules)
        for retire in (queries.RETIRE_JOINED, queries.RETIRE_REFUSING):
            self._transitions += len(await self._fetch(retire, now_us=now_us))
        await self._sweep_single_ids()
        await self._sweep_persons()
        done = {"finished_us": time.time_ns() // 1000, "customers": self._customers, "transitions": self._transitions}
        await self._fetch(queries.FINISH_SWEEP, which=row["sweep_id"], **done)
        return SweepReport("done", self._customers, self._written, self._transitions)

    async def _sweep_single_ids(self) -> None:
        after = ""
        while rows := await self._fetch(queries.READ_SINGLE_IDS, after=after):
            after = rows[-1]["customer_id"]
            changes: list[StageChange] = []
            for chunk in cut(rows, CHUNK):
                began = time.perf_counter()
                customers = [Customer(row["customer_id"], row["events"], read_stored(row)) for row in chunk]
                changes += self._judge(customers, read_vectors([row["numbers"] for row in chunk]))
                await yield_to_requests(began, self._share)
            await self._write(changes)

    async def _sweep_persons(self) -> None:
        """Customers of several ids, each judged by the merge of their rows."""
        after = ""
        while rows := await self._fetch(queries.READ_PERSONS, after=after):
            after = rows[-1]["customer_id"]
            for chunk in cut(rows, CHUNK):
                merged = await read_states(self._driver, [row["customer_id"] for row in chunk])
                began = time.perf_counter()
                both = [(row, state) for row, state in zip(chunk, merged, strict=True) if state is not None]
                await self._retire([row for row, state in both if state.refuses_profiling])
                known = [(row, state) for row, state in both if not state.refuses_profiling]
                if not known:
                    continue
                customers = [Customer(row["customer_id"], None, read_stored(row)) for row, _ in known]
                changes = self._judge(customers, np.array([state.numbers for _, state in known], np.float64))
                await yield_to_requests(began, self._share)
                await self._write(changes)

    async def _retire(self, rows: Sequence[Any]) -> None:
        """Ends the record of persons who refuse profiling."""
        ended = [row["customer_id"] for row in rows if row["stage"] is not None]
        if ended:
            given = {"customer_ids": ended, "now_us": self._comparison.now_us}
            self._transitions += len(await self._fetch(queries.RETIRE_THESE, **given))

    def _judge(self, customers: Sequence[Customer], states: Floats) -> list[StageChange]:
        changes = list(find_changes(customers, states, self._comparison))
        self._customers += len(customers)
        self._report_progress(self._customers, None)
        return changes

    async def _fetch(self, statement: Statement, **parameters: Any) -> Sequence[Any]:
        return await fetch(self._connection, statement, parameters)

    async def _write(self, changes: Sequence[StageChange]) -> None:
        for part in cut(changes, WRITTEN_AT_ONCE):
            columns = dict(zip(StageChange._fields, map(list, zip(*part, strict=True)), strict=True))
            now_us = self._comparison.now_us
            (recorded,) = await self._fetch(RECORD_STAGES_AS_READ, now_us=now_us, **columns)
            self._written += recorded["written"]
            self._transitions += recorded["transitions"]
