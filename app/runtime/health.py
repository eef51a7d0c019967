"""The checks behind `/readyz` and `/health`, and what `/metrics` says of the database."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app import __version__
from app.database.engine import transaction
from app.database.schema import HEAD_REVISION, read_revision
from app.foundation.errors import NotReady
from app.monitoring.queries import read_standing
from app.monitoring.reports import (
    Standing,
    find_drifted,
    is_miscalibrated,
    read_gauges,
)
from app.runtime import health_queries as queries
from app.runtime.exposition import GaugeValue, workers_together
from app.runtime.health_schemas import CheckOut, HealthOut, HealthStatus
from app.runtime.resources import Resources

SCRAPE_SECONDS: Final = 2.0
"""A scrape waits no longer for the database; Prometheus gives up after ten."""
LATE_SWEEPS: Final = 3
"""So many intervals without a sweep are a warning."""
LATE_WATCHES: Final = 3


async def check_database(resources: Resources) -> tuple[CheckOut, CheckOut]:
    """The database's round trip, and the schema's revision."""
    started = time.perf_counter()
    try:
        async with transaction(resources.engine) as connection:
            await queries.ping(connection)
            elapsed_ms = round((time.perf_counter() - started) * 1000, 2)
            revision = await read_revision(connection)
    except NotReady as error:
        lost = CheckOut(status="fail", componentType="datastore", output=error.detail)
        return lost, lost
    database = CheckOut(status="pass", componentType="datastore", observedValue=elapsed_ms, observedUnit="ms")
    matches = revision == HEAD_REVISION
    schema = CheckOut(
        status="pass" if matches else "fail",
        componentType="datastore",
        observedValue=revision,
        output=None if matches else f"Run 'perennial migrate': this version needs {HEAD_REVISION}.",
    )
    return database, schema


def check_model(resources: Resources) -> tuple[CheckOut, CheckOut]:
    """The model's version, and its age in days; without one the answers come from rules."""
    model, refusal = resources.model, resources.model_refusal
    if model is None:
        missing = refusal or "No model is loaded: scores come from rules. Run 'perennial train'."
        absent = CheckOut(status="warn", componentType="component", output=missing)
        return absent, absent
    version = CheckOut(
        status="warn" if refusal else "pass",
        componentType="component",
        observedValue=model.version,
        output=refusal,
    )
    age_days = (datetime.now(UTC) - model.trained_at).total_seconds() / 86400
    is_old = age_days > resources.settings.model_max_age_days
    age = CheckOut(
        status="warn" if is_old else "pass",
        componentType="component",
        observedValue=round(age_days, 2),
        observedUnit="days",
        output="The model is old: run 'perennial train'." if is_old else None,
    )
    return version, age


def check_lag(resources: Resources) -> CheckOut:
    """How long after it happened the latest event was counted, by any worker since its start."""
    received_at, lag_s = max(taken["last_event"] for taken in workers_together(resources))
    if not received_at:
        return CheckOut(status="pass", componentType="component", output="No event was counted yet.")
    time_ = datetime.fromtimestamp(received_at, UTC)
    return CheckOut(
        status="pass", componentType="component", observedValue=round(lag_s, 3), observedUnit="s", time=time_
    )


def check_background(resources: Resources) -> CheckOut:
    """Whether all that this worker does beside answering still runs."""
    ended = ", ".join(resources.ended)
    output = f"Ended by an error of ours, which the log tells: {ended}. Restart the service." if ended else None
    return CheckOut(status="warn" if ended else "pass", componentType="component", output=output)


async def check_backlog(resources: Resources) -> tuple[CheckOut, CheckOut]:
    """The rejected events that are kept, and how long ago the last sweep ended."""
    try:
        async with transaction(resources.engine) as connection:
            rejected = await queries.count_rejected(connection)
            swept_us = await queries.read_swept_us(connection)
    except NotReady as error:
        lost = CheckOut(status="fail", componentType="datastore", output=error.detail)
        return lost, lost
    are_many = rejected >= resources.settings.rejected_warn
    backlog = CheckOut(
        status="warn" if are_many else "pass",
        componentType="datastore",
        observedValue=rejected,
        observedUnit="events",
        output="Read GET /v1/events/rejected; replay or purge them." if are_many else None,
    )
    return backlog, _judge_sweep(resources, swept_us)


def _judge_sweep(resources: Resources, swept_us: int | None) -> CheckOut:
    if swept_us is None:
        return CheckOut(status="pass", componentType="component", output="No sweep has ended yet.")
    age_s, minutes = time.time() - swept_us / 1e6, resources.settings.sweep_minutes
    is_late = minutes > 0 and age_s > LATE_SWEEPS * minutes * 60
    return CheckOut(
        status="warn" if is_late else "pass",
        componentType="component",
        observedValue=round(age_s, 1),
        observedUnit="s",
        output="Sweeps do not come to an end; the log says why." if is_late else None,
    )


async def check_watch(resources: Resources) -> tuple[CheckOut, CheckOut]:
    """How far the customers have moved from those learned from, and how wrong the risks were that have matured."""
    try:
        async with transaction(resources.engine) as connection:
            standing = await read_standing(connection)
    except NotReady as error:
        lost = CheckOut(status="fail", componentType="datastore", output=error.detail)
        return lost, lost
    return _judge_drift(resources, standing), _judge_calibration(standing)


def _judge_drift(resources: Resources, standing: Standing) -> CheckOut:
    found = standing.champion_drift
    if found is None:
        return CheckOut(status="pass", componentType="component", output="The model was not watched yet.")
    hours, drifted = resources.settings.watch_hours, find_drifted(found.report)
    output = None
    if drifted:
        output = f"Customers are others than those learned from: {', '.join(drifted)}. Run 'perennial train'."
    elif hours and time.time() - found.made_us / 1e6 > LATE_WATCHES * hours * 3600:
        output = "The watch does not come to an end; the log says why."
    return CheckOut(
        status="pass" if output is None else "warn",
        componentType="component",
        observedValue=round(max(found.report["psi"].values(), default=0.0), 4),
        observedUnit="PSI",
        output=output,
        time=datetime.fromtimestamp(found.at_us / 1e6, UTC),
    )


def _judge_calibration(standing: Standing) -> CheckOut:
    found = standing.champion_outcome
    if found is None:
        return CheckOut(status="pass", componentType="component", output="No score has matured yet.")
    is_wrong = is_miscalibrated(found.report)
    return CheckOut(
        status="warn" if is_wrong else "pass",
        componentType="component",
        observedValue=round(found.report["ece"], 4),
        observedUnit="probability",
        output="Risks do not come true as often as they say: run 'perennial train'." if is_wrong else None,
        time=datetime.fromtimestamp(found.at_us / 1e6, UTC),
    )


async def read_common_gauges(resources: Resources) -> list[GaugeValue]:
    """What the database says, for `/metrics`; without one, that it does not answer."""
    try:
        async with asyncio.timeout(SCRAPE_SECONDS), transaction(resources.engine) as connection:
            rejected = await queries.count_rejected(connection)
            swept_us = await queries.read_swept_us(connection)
            standing = await read_standing(connection)
    except (NotReady, SQLAlchemyError, TimeoutError):
        return [("perennial_database_up", (), 0)]
    gauges: list[GaugeValue] = [("perennial_database_up", (), 1), ("perennial_rejected_backlog", (), rejected)]
    if swept_us is not None:
        gauges.append(("perennial_sweep_age_seconds", (), time.time() - swept_us / 1e6))
    return [*gauges, *read_gauges(standing, time.time_ns() // 1000)]


async def assess(resources: Resources) -> HealthOut:
    """All checks, and the worst of them. Backlog, sweep and watch can be told on this version's schema alone."""
    database, schema = await check_database(resources)
    version, age = check_model(resources)
    checks = {
        "database:responseTime": [database],
        "database:schema": [schema],
        "model:version": [version],
        "model:age": [age],
        "events:lag": [check_lag(resources)],
        "service:background": [check_background(resources)],
    }
    if schema.status == "pass":
        backlog, sweep = await check_backlog(resources)
        drift, calibration = await check_watch(resources)
        checks |= {"events:rejected": [backlog], "stages:sweepAge": [sweep]}
        checks |= {"model:drift": [drift], "model:calibration": [calibration]}
    statuses = [check.status for found in checks.values() for check in found]
    if resources.is_draining:
        statuses.append("fail")
    order: tuple[HealthStatus, ...] = ("fail", "warn", "pass")
    worst = next(status for status in order if status in statuses)
    return HealthOut(status=worst, version=__version__, serviceId="perennial", checks=checks)
