"""`GET /v1/effects`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.decisions.effects_schemas import EffectsOfActionsOut
from app.decisions.effects_told import tell_effects
from app.foundation.errors import Malformed
from app.http.resources import Resources
from app.http.routes import requires
from app.http.times import Moment, read_moment
from app.lifecycle.events import DAY_US

router = APIRouter(prefix="/v1", tags=["decisions"], dependencies=[requires("read")])
MOST_DAYS = 366


@router.get("/effects", response_model=EffectsOfActionsOut, summary="What actions brought about")
async def get_effects(
    request: Request, from_: Annotated[Moment, Query(alias="from")], to: Moment | None = None
) -> dict[str, Any]:
    """Against the control group as it was assigned, by action, stage and channel, of what was decided in a time of up
    to 366 days; and of the arms as wholes. `to` left out: now."""
    resources: Resources = request.app.state.resources
    settings, now_us = resources.settings, time.time_ns() // 1000
    from_us = read_moment(from_, "from", now_us)
    to_us = now_us if to is None else read_moment(to, "to", now_us)
    if not from_us <= to_us <= from_us + MOST_DAYS * DAY_US:
        raise Malformed(f"to: It is not before from, and at most {MOST_DAYS} days after it.")
    async with transaction(resources.surveys) as connection:
        return await tell_effects(connection, from_us, to_us, settings, now_us)
