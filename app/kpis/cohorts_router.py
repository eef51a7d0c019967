"""`GET /v1/kpis/cohorts`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.foundation.times import iso
from app.http.resources import Resources
from app.http.routes import requires
from app.kpis.asking import Day, Until, read_months
from app.kpis.cohorts import MOST_MONTHS, tell_cohorts
from app.kpis.periods import today
from app.kpis.schemas import CohortsOut

router = APIRouter(prefix="/v1/kpis/cohorts", tags=["kpis"], dependencies=[requires("read")])


@router.get("", response_model=CohortsOut, summary="Who came in a month, and ordered in which after it")
async def get_cohorts(
    request: Request, from_: Annotated[Day, Query(alias="from")], to: Until | None = None
) -> dict[str, Any]:
    """Persons by the month of their first order, of up to 36 months from the first of one to the first of another."""
    resources: Resources = request.app.state.resources
    settings, now_us = resources.settings, time.time_ns() // 1000
    whole = read_months(from_, to, today(now_us, settings.time_zone), MOST_MONTHS)
    async with transaction(resources.surveys) as connection:
        cohorts = await tell_cohorts(connection, whole, settings, now_us)
    return {
        "from": whole.first.isoformat(),
        "to": whole.until.isoformat(),
        "time_zone": settings.time_zone,
        "currency": settings.currency,
        "as_of": iso(now_us),
        "cohorts": cohorts,
    }
