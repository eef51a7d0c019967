"""Monitoring: once a period, what champion and challenger say of a sample of customers is kept, what was said a
horizon ago is compared with what came, and the customers are compared with those that the champion learned from.

The sample is of at most CUSTOMERS, those with the lowest hashes of their ids: the same ones day after day, but for
new customers with a lower one; of fewer, it is all. So champion and challenger are asked of the same people at the
same time, in the shadow: no till waits for a challenger. Like the sweep it runs in the event loop in pieces of a few
milliseconds, gives way after each, and sleeps for the rest of its share. What a run writes of a snapshot it writes
in one transaction: one that was stopped is begun again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import asyncpg
import numpy as np
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

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
from app.lifecycle.drift import count_reference, psi
from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.scorer import Forecasts
from app.lifecycle.targets import OTHERS
from app.models.artefact import Model
from app.monitoring import queries
from app.monitoring.measuring import measure_outcomes, weigh_features
from app.monitoring.others import gather_outcomes, write_others
from app.monitoring.queries import Resolved
from app.monitoring.sampling import PATIENCE_S, draw_sample
from app.scores.columns import foresee

MONITORING_LOCK: Final = 0x77617463  # "watc": one run at a time, however many replicas run
CUSTOMERS: Final = 5_000
CHUNK: Final = 100
KEPT_AT_ONCE: Final = 1_000
SETTLING_US: Final = DAY_US
"""Nothing is compared before a horizon has passed for so long: the orders of the last day may still be on their way."""
KEPT_US: Final = 365 * DAY_US
"""How long what was said is kept, once it has been compared. Reports are kept for ever."""
HOUR_US: Final = 3_600_000_000
Pair = tuple[Model | None, Model | None]
"""Champion and challenger."""


class MonitoringReport(NamedTuple):
    """What a run came to: customers of the snapshot, and predictions compared with what came."""

    outcome: Literal["done", "runs elsewhere", "not due", "no model"]
    customers: int = 0
    matured: int = 0


class Said(NamedTuple):
    """By a model of customers: forecasts, and what it expects by the name of a target, (n,), NaN where it does not
    know that."""

    forecasts: Forecasts
    others: Mapping[str, Floats]


class Snapshot(NamedTuple):
    """A sample at one time: ids, features (n, features), and by version what was said of each."""

    customer_ids: list[str]
    features: Floats
    said: Mapping[str, Said]


async def monitor_models(
    engine: AsyncEngine,
    models: Pair,
    now_us: int,
    *,
    share: float = 1.0,
    every_us: int = 0,
    report_progress: ReportProgress = ignore_progress,
) -> MonitoringReport:
    """Monitors as of `now_us`, unless another process does, or the champion was since the last multiple of `every_us`.

    Predictions mature without a champion too. `report_progress` is called with the customers done.
    Raises NotReady when the database is out of reach.
    """
    try:
        async with alone(engine, MONITORING_LOCK) as driver:
            if driver is None:
                return MonitoringReport("runs elsewhere")
            return await _MonitoringRun(await driver.connection(), driver, models, now_us, share, report_progress).run(
                every_us
            )
    except CONNECTION_LOST as error:
        raise NotReady("The database went away; monitoring can be begun again.") from error


async def keep_monitoring(engine: AsyncEngine, models: Callable[[], Pair], every_hours: int) -> None:
    """Monitors for ever, once in so many hours (24: a UTC day) over all processes together; whichever looks first."""

    async def monitor_if_due() -> Mapping[str, int] | None:
        now_us, every_us = time.time_ns() // 1000, every_hours * HOUR_US
        report = await monitor_models(engine, models(), now_us, share=SERVICE_SHARE, every_us=every_us)
        if report.outcome != "done" and not report.matured:
            return None
        return {"customers": report.customers, "matured": report.matured}

    await run_periodically("monitoring", every_hours * 3600.0, monitor_if_due)


class _MonitoringRun:
    """One run, on the connection that holds the lock: when that is lost, so is the run."""

    def __init__(
        self,
        connection: "asyncpg.Connection[Any]",
        driver: Driver,
        models: Pair,
        now_us: int,
        share: float,
        report_progress: ReportProgress,
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._champion, _ = models
        self._models = {model.version: model for model in models if model is not None}
        self._now_us = now_us
        self._share = share
        self._report_progress = report_progress

    async def run(self, every_us: int) -> MonitoringReport:
        champion = self._champion
        if champion is None:
            return MonitoringReport("no model", 0, await self._compare_matured())
        (last,) = await self._fetch(queries.LAST_DRIFT, version=champion.version)
        if every_us and last["at_us"] is not None and last["at_us"] >= self._now_us // every_us * every_us:
            return MonitoringReport("not due")
        matured = await self._compare_matured()
        snapshot = await self._take_snapshot(await draw_sample(self._connection, CUSTOMERS, self._share))
        async with self._connection.transaction():
            await self._keep_snapshot(snapshot)
            await self._keep_report(champion.version, "drift", self._now_us, _compare_features(champion, snapshot))
        await self._fetch(queries.FORGET, before_us=self._now_us - KEPT_US)
        return MonitoringReport("done", len(snapshot.customer_ids), matured)

    async def _compare_matured(self) -> int:
        """What was said of snapshots whose horizon has passed, beside what came; the number of predictions."""
        ended_us, compared = self._now_us - SETTLING_US, 0
        for snapshot in await self._fetch(queries.MATURED, ended_us=ended_us):
            at_us, versions, days = snapshot["at_us"], snapshot["versions"], snapshot["horizon_days"]
            span = {"at_us": at_us, "until_us": at_us + days * DAY_US}
            async with self._connection.transaction():
                found = await self._resolve(versions, span)
                for version, rows in found.items():
                    report = {**measure_outcomes(gather_outcomes(rows)), "horizon_days": days}
                    await self._keep_report(version, "outcome", at_us, report)
                    compared += len(rows)
        return compared

    async def _resolve(self, versions: Sequence[str], span: Mapping[str, int]) -> dict[str, list[Resolved]]:
        found: dict[str, list[Resolved]] = {}
        while rows := await self._fetch(queries.RESOLVE, versions=versions, **span):
            began = time.perf_counter()
            for version, *values in rows:
                found.setdefault(version, []).append(Resolved(*values))
            await yield_to_requests(began, self._share)
        return found

    async def _take_snapshot(self, sample: Sequence[str]) -> Snapshot:
        """What each model says now of those who have ever ordered."""
        customer_ids: list[str] = []
        rows: list[Floats] = []
        said: dict[str, list[Said]] = {version: [] for version in self._models}
        for chunk in cut(sample, CHUNK):
            states = await read_states(self._driver, chunk)
            began = time.perf_counter()
            known = [state for state in states if state is not None and not state.refuses_profiling]
            buyers = [state for state in known if state.number("orders")]
            if buyers:
                customer_ids += [state.customer_id for state in buyers]
                vectors = np.array([state.numbers for state in buyers], np.float64)
                seen = foresee(vectors, float(self._now_us), list(self._models.values()))
                rows.append(seen.rows)
                for model, forecasts in zip(self._models.values(), seen.by_model, strict=True):
                    others = model.scorecard.expect(seen.rows, float(self._now_us)) if OTHERS else {}
                    said[model.version].append(Said(forecasts, others))
            self._report_progress(len(customer_ids), len(sample))
            await yield_to_requests(began, self._share)
        whole = np.concatenate([*rows, np.empty((0, len(FEATURE_NAMES)))])
        return Snapshot(customer_ids, whole, {version: _join(parts) for version, parts in said.items() if parts})

    async def _keep_snapshot(self, snapshot: Snapshot) -> None:
        for version, said in snapshot.said.items():
            forecasts, others = said
            columns = (
                snapshot.customer_ids,
                *(column.tolist() for column in forecasts),
                write_others(others, len(snapshot.customer_ids)),
            )
            for start in range(0, len(snapshot.customer_ids), KEPT_AT_ONCE):
                part = [column[start : start + KEPT_AT_ONCE] for column in columns]
                names = ("customer_id", "churn_risk", "expected_orders", "expected_spend_minor", "expected_others")
                given = dict(zip(names, part, strict=True))
                await self._fetch(queries.KEEP_PREDICTIONS, version=version, at_us=self._now_us, **given)

    async def _keep_report(self, version: str, kind: str, at_us: int, report: Mapping[str, Any]) -> None:
        text = orjson.dumps(report).decode()
        given = {"version": version, "kind": kind, "at_us": at_us, "made_us": self._now_us, "report": text}
        await self._fetch(queries.KEEP_REPORT, **given)

    async def _fetch(self, statement: Statement, **parameters: Any) -> Sequence[Any]:
        return await fetch(self._connection, statement, parameters, PATIENCE_S)


def _compare_features(champion: Model, snapshot: Snapshot) -> dict[str, Any]:
    """The report of drift. Of nobody, or for a model without a reference, it has no index."""
    known, reference = len(snapshot.customer_ids), champion.drift
    return {
        "customers": known,
        "reference_customers": count_reference(reference) if reference else 0,
        "psi": psi(reference, snapshot.features) if known and reference else {},
        "weights": weigh_features(champion.scorecard, reference),
    }


def _join(parts: Sequence[Said]) -> Said:
    forecasts = Forecasts(
        *(np.concatenate(columns) for columns in zip(*(part.forecasts for part in parts), strict=True))
    )
    return Said(forecasts, {name: np.concatenate([part.others[name] for part in parts]) for name in parts[0].others})
