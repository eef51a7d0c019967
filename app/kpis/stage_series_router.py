"""`GET /v1/kpis/stages`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.foundation.times import iso
from app.http.resources import Resources
from app.http.routes import requires
from app.kpis.asking import Day, Until, read_months
from app.kpis.periods import today
from app.kpis.schemas import StageSeriesOut
from app.kpis.stage_series import MOST_MONTHS, tell_stage_series

router = APIRouter(prefix="/v1/kpis/stages", tags=["kpis"], dependencies=[requires("read")])


@router.get("", response_model=StageSeriesOut, summary="Customers by stage at the ends of months")
async def get_stage_series(
    request: Request, from_: Annotated[Day, Query(alias="from")], to: Until | None = None
) -> dict[str, Any]:
    """Of up to 60 months, from the first of one to the first of another; the month that is not over as of now."""
    resources: Resources = request.app.state.resources
    settings, now_us = resources.settings, time.time_ns() // 1000
    whole = read_months(from_, to, today(now_us, settings.time_zone), MOST_MONTHS)
    async with transaction(resources.surveys) as connection:
        told = await tell_stage_series(connection, whole, settings, now_us)
    return {
        "from": whole.first.isoformat(),
        "to": whole.until.isoformat(),
        "time_zone": settings.time_zone,
        "as_of": iso(now_us),
        **told,
    }
