"""Monitoring as the service runs it: what is asked of the models in force, and what it found."""

import time
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import BackgroundTask, Checks, Part, Resources
from app.models.held import Models
from app.monitoring.queries import read_latest_reports
from app.monitoring.refunds import check_refunds, read_lost_refunds
from app.monitoring.reports import LatestReports, find_drifted, is_miscalibrated, read_gauges
from app.monitoring.service import keep_monitoring
from app.monitoring.strays import check_times

LATE_RUNS: Final = 3


def _monitoring(resources: Resources) -> Coroutine[Any, Any, None] | None:
    hours, models = resources.settings.monitoring_hours, resources.of(Models)
    if not hours:
        return None
    return keep_monitoring(resources.engine, lambda: (models.champion, models.challenger), hours)


async def _check(resources: Resources, connection: AsyncConnection) -> Checks:
    """How far the customers have moved from those learned from, how wrong the risks were that have matured, whether
    first events are dated far before the shop began, and whether refunds wait for their orders."""
    latest = await read_latest_reports(connection)
    return {
        "model:drift": _judge_drift(resources, latest),
        "model:calibration": _judge_calibration(latest),
        "events:times": await check_times(connection),
        "events:refunds": await check_refunds(connection, resources.settings.order_identity),
    }


def _judge_drift(resources: Resources, latest: LatestReports) -> CheckOut:
    found = latest.champion_drift
    if found is None:
        return CheckOut(status="pass", componentType="component", output="The model has not been monitored yet.")
    hours, drifted = resources.settings.monitoring_hours, find_drifted(found.report)
    output = None
    if drifted:
        output = f"Customers differ from the training data: {', '.join(drifted)}. Run 'perennial train'."
    elif hours and time.time() - found.made_us / 1e6 > LATE_RUNS * hours * 3600:
        output = "Monitoring does not finish; the log says why."
    return CheckOut(
        status="pass" if output is None else "warn",
        componentType="component",
        observedValue=round(max(found.report["psi"].values(), default=0.0), 4),
        observedUnit="PSI",
        output=output,
        time=datetime.fromtimestamp(found.at_us / 1e6, UTC),
    )


def _judge_calibration(latest: LatestReports) -> CheckOut:
    found = latest.champion_outcome
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


async def _stored_gauges(resources: Resources, connection: AsyncConnection) -> Iterable[GaugeValue]:
    lost = await read_lost_refunds(connection, resources.settings.order_identity)
    gauges = read_gauges(await read_latest_reports(connection), time.time_ns() // 1000)
    return [*gauges, ("perennial_refunds_without_order", (), lost.number)]


PART = Part(
    "monitoring",
    background=(BackgroundTask("monitoring", _monitoring),),
    check_stored=_check,
    stored_gauges=_stored_gauges,
)
