"""The audit, as the service keeps it."""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from app.audit.chain import open_chain
from app.audit.queries import read_tip
from app.audit.recorder import Recorder
from app.audit.retention import cut_head
from app.audit.router import router
from app.database.background import run_periodically
from app.database.engine import transaction
from app.foundation.logs import log
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import BackgroundTask, Checks, Part, Resources
from app.ingest.rules import Rules

HOUR_S: Final = 3600.0


def _build(resources: Resources) -> None:
    settings = resources.settings
    rules = Rules.read(settings)
    recorder = Recorder(open_chain(settings), resources.engine, rules, is_on=settings.audit_days > 0)
    resources.audit = recorder
    resources.hold(recorder)


def _check(resources: Resources) -> Checks:
    """The tip, to be written down elsewhere: what is cut off the end of the chain is told by it alone."""
    recorder = resources.of(Recorder)
    if not recorder.is_on:
        return {}
    output = f"What is noted cannot be written ({recorder.failure})." if recorder.failure else None
    status = CheckOut(
        status="warn" if output else "pass",
        componentType="component",
        observedValue=str(recorder.tip),
        output=output,
    )
    return {"audit:tip": status}


def _gauges(resources: Resources) -> Iterable[GaugeValue]:
    return [("perennial_audit_waiting_calls", (), resources.of(Recorder).waiting)]


async def _keep(resources: Resources) -> None:
    """Once an hour: deletes what is old enough, and tells the tip in the log."""
    recorder, days, due_s = resources.of(Recorder), resources.settings.audit_days, 0.0

    async def keep() -> Mapping[str, str | int] | None:
        nonlocal due_s
        if time.monotonic() < due_s:
            return None
        due_s = time.monotonic() + HOUR_S
        cut = await cut_head(resources.surveys, recorder.chain, days, time.time_ns() // 1000)
        async with transaction(resources.surveys) as connection:
            recorder.tip = await read_tip(connection)
        log.info("audit.tip", tip=str(recorder.tip))
        return {"cut": cut} if cut else None

    await run_periodically("audit", HOUR_S, keep)


PART = Part(
    "audit",
    routers=(router,),
    build=_build,
    background=(
        BackgroundTask("audit", lambda held: held.of(Recorder).keep_writing() if held.of(Recorder).is_on else None),
        BackgroundTask("audit retention", lambda held: _keep(held) if held.of(Recorder).is_on else None),
    ),
    check=_check,
    gauges=_gauges,
)
