"""What `/readyz`, `/health` and `/metrics` say: of the service itself, and of its parts."""

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import literal_column, select
from sqlalchemy.exc import SQLAlchemyError

from app import __version__
from app.database.engine import transaction
from app.database.keeping import TOLD_SECONDS, read_keeping
from app.database.opening import EMBEDDED
from app.database.refusals import refused_of_late
from app.database.schema import Schema, read_schema
from app.foundation import metrics
from app.foundation.errors import NotReady
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut, HealthOut, HealthStatus
from app.http.resources import Resources
from app.runtime.connections import Connections
from app.runtime.memory import resident_bytes

LOW_BYTES: Final = 2**30
SCRAPE_SECONDS: Final = 2.0
"""A scrape waits no longer for the database; Prometheus gives up after ten."""
Found = TypeVar("Found")


class Shared(Generic[Found]):
    """What is looked up for whoever asks meanwhile: any number of probes costs the database one."""

    def __init__(self, look: Callable[[], Coroutine[Any, Any, Found]]) -> None:
        self._look = look
        self._under_way: asyncio.Task[Found] | None = None

    async def ask(self) -> Found:
        """What is found by a look that is under way, or by a new one."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._look(), name="probe")
        return await asyncio.shield(self._under_way)


class Probes:
    """What probes are answered by."""

    def __init__(self, resources: Resources) -> None:
        self.readiness = Shared(lambda: check_database(resources))
        self.health = Shared(lambda: assess(resources))


async def check_database(resources: Resources) -> tuple[CheckOut, CheckOut]:
    """The database's round trip, and the schema's revision."""
    started = time.perf_counter()
    try:
        async with transaction(resources.probes) as connection:
            await connection.execute(select(literal_column("1")))
            elapsed_ms = round((time.perf_counter() - started) * 1000, 2)
            schema = await read_schema(connection)
    except NotReady as error:
        lost = CheckOut(status="fail", componentType="datastore", output=error.detail)
        return lost, lost
    database = CheckOut(status="pass", componentType="datastore", observedValue=elapsed_ms, observedUnit="ms")
    return database, check_schema(schema)


def check_schema(schema: Schema) -> CheckOut:
    """Whether this version serves on it; on that of a later one it may, and warns."""
    statuses: dict[str, HealthStatus] = {"fits": "pass", "ahead": "warn"}
    return CheckOut(
        status=statuses.get(schema.standing, "fail"),
        componentType="datastore",
        observedValue=schema.revision,
        output=schema.sentence,
    )


def check_background(resources: Resources) -> CheckOut:
    """Whether all that this worker does beside answering still runs."""
    ended = ", ".join(resources.ended)
    output = f"Ended by an error of ours, which the log tells: {ended}. Restart the service." if ended else None
    return CheckOut(status="warn" if ended else "pass", componentType="component", output=output)


def check_writing(resources: Resources) -> CheckOut:
    """Whether the database lately wrote what it was to write, and has space for more where its disk is ours."""
    if (refused := refused_of_late()) is not None:
        return CheckOut(status="fail", componentType="datastore", output=refused)
    if read_keeping(resources.settings.home / EMBEDDED) is None:
        return CheckOut(status="pass", componentType="datastore")
    free = shutil.disk_usage(resources.settings.home).free
    output = "The disk is nearly full: what is sent will be refused soon." if free < LOW_BYTES else None
    return CheckOut(
        status="warn" if output else "pass",
        componentType="datastore",
        observedValue=free // 2**20,
        observedUnit="MiB free",
        output=output,
    )


def check_server(resources: Resources) -> dict[str, CheckOut]:
    """Whether the embedded Postgres had to be started again; nothing of a database that others look after."""
    kept = read_keeping(resources.settings.home / EMBEDDED)
    if kept is None:
        return {}
    output: str | None = None
    if kept.is_given_up:
        output = f"It does not stay up, and was given up: see {EMBEDDED}/postgres.log, and restart the service."
    elif kept.restarted_at is not None and abs(time.time() - kept.restarted_at) < TOLD_SECONDS:
        output = f"It ended, and was started again: see {EMBEDDED}/postgres.log. Was it killed for want of memory?"
    status: HealthStatus = "fail" if kept.is_given_up else "warn" if output else "pass"
    return {
        "database:server": CheckOut(
            status=status,
            componentType="datastore",
            observedValue=kept.restarts,
            observedUnit="restarts",
            output=output,
        )
    }


async def check_parts(resources: Resources) -> Mapping[str, CheckOut]:
    """The checks of parts that need the database; one that it cannot answer fails."""
    found: dict[str, CheckOut] = {}
    for part in resources.parts:
        if part.check_stored is not None:
            try:
                async with transaction(resources.probes) as connection:
                    found |= await part.check_stored(resources, connection)
            except NotReady as error:
                found[f"{part.name}:stored"] = CheckOut(status="fail", componentType="datastore", output=error.detail)
    return found


async def assess(resources: Resources) -> HealthOut:
    """All checks, and the worst of them. What is stored can be told on a schema that this version serves on alone."""
    database, schema = await check_database(resources)
    found: dict[str, CheckOut] = {"database:responseTime": database, "database:schema": schema}
    found["database:writing"] = check_writing(resources)
    found |= check_server(resources)
    for part in resources.parts:
        if part.check is not None:
            found |= part.check(resources)
    found["service:background"] = check_background(resources)
    found["service:connections"] = resources.of(Connections).check()
    if schema.status != "fail":
        found |= await check_parts(resources)
    statuses = [check.status for check in found.values()]
    if resources.is_draining:
        statuses.append("fail")
    order: tuple[HealthStatus, ...] = ("fail", "warn", "pass")
    worst = next(status for status in order if status in statuses)
    checks = {name: [check] for name, check in found.items()}
    return HealthOut(status=worst, version=__version__, serviceId="perennial", checks=checks)


def read_gauges(resources: Resources) -> Iterator[GaugeValue]:
    """What is so now in this process."""
    for method, count in metrics.active_requests.items():
        if count:
            yield "http_server_active_requests", (method,), count
    pool: Any = resources.engine.pool
    used = pool.checkedout()
    yield "db_client_connection_count", ("used",), used
    yield "db_client_connection_count", ("idle",), pool.checkedin()
    yield "db_client_connection_max", (), pool.size() + pool._max_overflow
    for gatherer in resources.gatherers:
        yield "perennial_waiting_requests", (gatherer.name,), gatherer.waiting
    for part in resources.parts:
        if part.gauges is not None:
            yield from part.gauges(resources)
    yield from resources.of(Connections).gauges()
    yield "perennial_draining", (), resources.is_draining
    yield "perennial_workers", (), 1
    yield "process_resident_memory_bytes", (), resident_bytes()


async def read_stored_gauges(resources: Resources) -> list[GaugeValue]:
    """What the database says, for `/metrics`; without one, that it does not answer."""
    gauges: list[GaugeValue] = [("perennial_database_up", (), 1)]
    try:
        async with asyncio.timeout(SCRAPE_SECONDS), transaction(resources.engine) as connection:
            for part in resources.parts:
                if part.stored_gauges is not None:
                    gauges += await part.stored_gauges(resources, connection)
    except (NotReady, SQLAlchemyError, TimeoutError):
        return [("perennial_database_up", (), 0)]
    return gauges
