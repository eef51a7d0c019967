"""The checks behind `/readyz` and `/health`."""

import time
from datetime import UTC, datetime

from app import __version__
from app.db import transaction
from app.errors import NotReady
from app.health import queries
from app.health.schemas import CheckOut, HealthOut, HealthStatus
from app.resources import Resources
from app.schema import HEAD_REVISION


async def check_database(resources: Resources) -> tuple[CheckOut, CheckOut]:
    """The database's round trip, and the schema's revision."""
    started = time.perf_counter()
    try:
        async with transaction(resources.engine) as connection:
            await queries.ping(connection)
            elapsed_ms = round((time.perf_counter() - started) * 1000, 2)
            revision = await queries.read_revision(connection)
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


async def assess(resources: Resources) -> HealthOut:
    """All checks, and the worst of them."""
    database, schema = await check_database(resources)
    version, age = check_model(resources)
    checks = {
        "database:responseTime": [database],
        "database:schema": [schema],
        "model:version": [version],
        "model:age": [age],
    }
    statuses = [check.status for found in checks.values() for check in found]
    if resources.is_draining:
        statuses.append("fail")
    order: tuple[HealthStatus, ...] = ("fail", "warn", "pass")
    worst = next(status for status in order if status in statuses)
    return HealthOut(status=worst, version=__version__, serviceId="perennial", checks=checks)
