"""`GET /v1/kpis` and `GET /v1/kpis/definitions`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.foundation.times import iso
from app.http.resources import Resources
from app.http.routes import requires
from app.kpis.asking import Day, Until, check_bounds, read_period
from app.kpis.catalogue import KPIS, REASONS
from app.kpis.definitions import BYS, By
from app.kpis.periods import WeekStart, today
from app.kpis.schemas import KpiDefinitionsOut, KpisOut
from app.kpis.service import Asked, tell_kpis

router = APIRouter(prefix="/v1/kpis", tags=["kpis"], dependencies=[requires("read")])


@router.get("", response_model=KpisOut, summary="KPIs of a time, by day, stage, store …")
async def get_kpis(
    request: Request,
    from_: Annotated[Day, Query(alias="from")],
    to: Until | None = None,
    by: By = "all",
    week_start: Annotated[WeekStart | None, Query(description="Left out: that of the settings.")] = None,
) -> dict[str, Any]:
    """Each with numerator and denominator, beside the period before and the year before. By day of up to 92 days, by
    week of up to 371, else of up to 1,830."""
    resources: Resources = request.app.state.resources
    settings, now_us = resources.settings, time.time_ns() // 1000
    day = today(now_us, settings.time_zone)
    whole = read_period(from_, to, day)
    check_bounds(whole, by, day)
    asked = Asked(whole, by, week_start or settings.week_start)
    async with transaction(resources.surveys) as connection:
        told = await tell_kpis(connection, asked, settings, now_us)
    return {
        "from": whole.first.isoformat(),
        "to": whole.until.isoformat(),
        "by": by,
        "time_zone": settings.time_zone,
        "week_start": asked.week_start,
        "currency": settings.currency,
        "customer_days": settings.churn_horizon_days,
        "first_response_hours": settings.first_response_hours,
        "as_of": iso(now_us),
        **told,
    }


@router.get("/definitions", response_model=KpiDefinitionsOut, summary="What each KPI means, in English and Chinese")
async def get_definitions() -> dict[str, Any]:
    """Name, unit, formula, what is better, what it is told by."""
    return {
        "kpis": [
            {
                "kpi": kpi.name,
                "unit": kpi.unit,
                "better": kpi.better,
                "formula": kpi.formula,
                "by": [by for by in BYS if by in kpi.by],
                "en": kpi.en._asdict(),
                "zh": kpi.zh._asdict(),
            }
            for kpi in KPIS
        ],
        "reasons": [{"reason": reason, "en": en, "zh": zh} for reason, (en, zh) in REASONS.items()],
    }
