"""`GET /v1/kpis/revenue-tree`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.foundation.times import iso
from app.http.resources import Resources
from app.http.routes import requires
from app.kpis.asking import Day, Until, check_bounds, read_period
from app.kpis.periods import today
from app.kpis.revenue_schemas import RevenueTreeOut
from app.kpis.revenue_told import ComparedWith, tell_revenue_tree

router = APIRouter(prefix="/v1/kpis/revenue-tree", tags=["kpis"], dependencies=[requires("read")])


@router.get("", response_model=RevenueTreeOut, summary="Which driver moved sales")
async def get_revenue_tree(
    request: Request,
    from_: Annotated[Day, Query(alias="from")],
    to: Until | None = None,
    compared_with: ComparedWith = "previous",
) -> dict[str, Any]:
    """Between a time of up to 1,830 days and the one before it, or that of a year before: customers who are new, stayed
    or came back, how often they bought, and what they paid an order. All adds up to the change of sales."""
    resources: Resources = request.app.state.resources
    settings, now_us = resources.settings, time.time_ns() // 1000
    day = today(now_us, settings.time_zone)
    whole = read_period(from_, to, day)
    check_bounds(whole, "all", day)
    async with transaction(resources.surveys) as connection:
        told = await tell_revenue_tree(connection, whole, compared_with, settings, now_us)
    return {
        "from": whole.first.isoformat(),
        "to": whole.until.isoformat(),
        "compared_with": compared_with,
        "time_zone": settings.time_zone,
        "currency": settings.currency,
        "customer_days": settings.churn_horizon_days,
        "as_of": iso(now_us),
        **told,
    }
