"""Stages as the service runs them: the sweep, and how it fares."""

import time
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import BackgroundTask, Checks, Part, Resources
from app.models.held import Models
from app.stages.queries import read_last_sweep
from app.stages.router import router
from app.stages.service import stage_context
from app.stages.sweep import keep_sweeping

LATE_SWEEPS: Final = 3
"""So many intervals without a sweep are a warning."""


def _sweeping(resources: Resources) -> Coroutine[Any, Any, None] | None:
    minutes, models = resources.settings.sweep_minutes, resources.of(Models)
    if not minutes:
        return None
    return keep_sweeping(resources.engine, lambda: stage_context(resources.settings, models.champion), minutes)


async def _read_swept_us(connection: AsyncConnection) -> int | None:
    """When the last sweep ended; None: there was none."""
    sweep = await read_last_sweep(connection)
    return None if sweep is None else sweep.finished_us


async def _check(resources: Resources, connection: AsyncConnection) -> Checks:
    """How long ago the last sweep ended."""
    swept_us = await _read_swept_us(connection)
    if swept_us is None:
        none_yet = CheckOut(status="pass", componentType="component", output="No sweep has ended yet.")
        return {"stages:sweepAge": none_yet}
    age_s, minutes = time.time() - swept_us / 1e6, resources.settings.sweep_minutes
    is_late = minutes > 0 and age_s > LATE_SWEEPS * minutes * 60
    checked = CheckOut(
        status="warn" if is_late else "pass",
        componentType="component",
        observedValue=round(age_s, 1),
        observedUnit="s",
        output="Sweeps do not finish; the log says why." if is_late else None,
    )
    return {"stages:sweepAge": checked}


async def _stored_gauges(_: Resources, connection: AsyncConnection) -> Iterable[GaugeValue]:
    swept_us = await _read_swept_us(connection)
    return [] if swept_us is None else [("perennial_sweep_age_seconds", (), time.time() - swept_us / 1e6)]


PART = Part(
    "stages",
    routers=(router,),
    background=(BackgroundTask("sweep", _sweeping),),
    check_stored=_check,
    stored_gauges=_stored_gauges,
)
