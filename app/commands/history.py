"""The record of stages, filled back over past month ends."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.commands.progress import counting, say
from app.database.engine import transaction
from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.models.artefact import ArtefactRefused
from app.models.service import load_champion
from app.stages.history_queries import read_last_event_us
from app.stages.queries import read_last_sweep
from app.stages.service import StageContext, stage_context
from app.stages.sweep import sweep

if TYPE_CHECKING:
    from ml.data.past_states import Backfilled

MONTHS: Final = 24
"""How many month ends back from the last event, unless one says."""
_LOOK_AGAIN_SECONDS: Final = 1.0


async def context_in_force(engine: AsyncEngine, settings: Settings) -> StageContext:
    """What stages are recorded with. Raises Refusal where the model in force cannot serve."""
    try:
        async with transaction(engine) as connection:
            return stage_context(settings, await load_champion(connection))
    except ArtefactRefused as error:
        raise Refusal(f"The model in force is refused: {error}") from error


async def fill_history(
    engine: AsyncEngine, settings: Settings, months: int = MONTHS, *, again: bool = False
) -> "Backfilled":
    """Judges everybody now, so that each has a record, and works out what was before it.

    Raises Refusal where the model in force cannot serve, NotReady when the database is out of reach.
    """
    from ml.data.past_states import backfill, month_ends

    context = await context_in_force(engine, settings)
    now_us = await _judge_now(engine, context)
    async with transaction(engine) as connection:
        last_us = await read_last_event_us(connection) or now_us
    times_us = [*month_ends(min(last_us, now_us), now_us - 1, months, settings.time_zone), now_us]
    with counting("Working out past months") as progress:
        return await backfill(engine, context, times_us, again=again, report_progress=progress)


async def _judge_now(engine: AsyncEngine, context: StageContext) -> int:
    """As of when: by us, or by another process that has begun since and is done."""
    began_us, is_told = time.time_ns() // 1000, False
    with counting("Judging customers now") as progress:
        while True:
            now_us = time.time_ns() // 1000
            report = await sweep(engine, context, now_us, not_within_us=now_us - began_us, report_progress=progress)
            match report.outcome:
                case "done":
                    return now_us
                case "not due":
                    async with transaction(engine) as connection:
                        return int((await read_last_sweep(connection)).as_of_us)
            if not is_told:
                say("Another process judges everybody: waiting for it …")
            is_told = True
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def tell_filled(filled: "Backfilled") -> str:
    """In a sentence."""
    if not filled.customers:
        return "The record of stages lacks no past month."
    return f"Past months worked out; customers: {filled.customers:,}, changes of stage: {filled.moves:,}"
