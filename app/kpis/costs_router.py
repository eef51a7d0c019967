"""`PUT /v1/costs` and `GET /v1/costs`."""

import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.decisions.catalogue_queries import name_sender
from app.foundation.errors import Malformed
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.kpis.asking import MOST_DAYS_ELSE, Day, Until, read_period
from app.kpis.cost_queries import hold_costs, remove_cost
from app.kpis.cost_service import keep_cost, render_costs
from app.kpis.costs import Cost
from app.kpis.periods import Period, today
from app.kpis.schemas import CostIn, CostsOut
from app.lifecycle.events import to_minor

router = APIRouter(prefix="/v1/costs", tags=["kpis"])
hot_router = APIRouter(prefix="/v1/costs", tags=["kpis"], route_class=HotRoute)


@router.get("", dependencies=[requires("read")], response_model=CostsOut, summary="What customers cost to acquire")
async def get_costs(
    request: Request,
    from_: Annotated[Day, Query(alias="from")],
    to: Until | None = None,
) -> dict[str, Any]:
    """What was put of some of these days, up to 1,830 of them, in the order of time."""
    resources: Resources = request.app.state.resources
    whole = _bounded(read_period(from_, to, today(time.time_ns() // 1000, resources.settings.time_zone)))
    async with transaction(resources.engine) as connection:
        return await render_costs(connection, whole, resources.settings)


@hot_router.put(
    "",
    dependencies=[requires("admin")],
    response_model=CostsOut,
    summary="Say what customers cost to acquire",
    openapi_extra=json_body(schema_of(CostIn)),
)
async def put_costs(request: HotRequest) -> bytes:
    """Of days, by channel or of none; in the place of what was put for the channel from the same day on. Answers what
    is known of these days now. Days that another cost of the channel has are refused (409)."""
    resources, now_us = request.resources, time.time_ns() // 1000
    wanted = await read_model(request, CostIn)
    period = _bounded(read_period(wanted.from_, wanted.to, today(now_us, resources.settings.time_zone)))
    cost = Cost(wanted.channel or "", period, to_minor(wanted.amount or 0, resources.settings.digits))
    async with transaction(resources.engine) as connection:
        await hold_costs(connection)
        if wanted.amount is None:
            await remove_cost(connection, cost)
        else:
            sender = await name_sender(connection, request.fields.get(b"authorization"))
            await keep_cost(connection, cost, now_us, sender)
        told = await render_costs(connection, period, resources.settings)
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(told)


def _bounded(period: Period) -> Period:
    if period.days > MOST_DAYS_ELSE:
        raise Malformed(f"to: There are at most {MOST_DAYS_ELSE} days.")
    return period
