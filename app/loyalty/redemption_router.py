"""`/v1/loyalty/reserve`, `/confirm` and `/release`, and what is about to expire."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.foundation.times import iso
from app.http.auditing import name_customers
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.ingest.intake import Intake
from app.ingest.pseudonyms import ask_for
from app.lifecycle.events import DAY_US
from app.loyalty.held import Loyalty
from app.loyalty.redeeming import confirm_points, release_points, reserve_points
from app.loyalty.redemption_queries import list_expiring
from app.loyalty.schemas import ConfirmIn, ExpiringOut, RedemptionOut, ReleaseIn, ReserveIn
from app.loyalty.turns import posting

router = APIRouter(prefix="/v1/loyalty", tags=["loyalty"], route_class=HotRoute)
expiring = APIRouter(prefix="/v1/loyalty", tags=["loyalty"], dependencies=[requires("read")])
_DECIDE: Final = [requires("decide")]


@router.post(
    "/reserve",
    dependencies=_DECIDE,
    response_model=RedemptionOut,
    summary="Reserve points of a customer",
    openapi_extra=json_body(schema_of(ReserveIn)),
)
async def reserve(request: HotRequest) -> bytes:
    """Nobody else can spend them until they are confirmed, released, or `hold_seconds` are over. Repeated with the same
    id it is the same reservation; of other points or another customer it is refused (409), and so is more than is
    available (409 `not-enough-points`)."""
    resources = request.resources
    wanted = await read_model(request, ReserveIn)
    customer_id = ask_for(wanted.customer_id, resources.of(Intake).rules)
    name_customers(request.scope, [customer_id])
    terms = resources.of(Loyalty).terms()
    async with posting(resources) as (connection, now_us):
        told = await reserve_points(connection, terms, wanted, customer_id, now_us)
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(told)


@router.post(
    "/confirm",
    dependencies=_DECIDE,
    response_model=RedemptionOut,
    summary="Spend what was reserved",
    openapi_extra=json_body(schema_of(ConfirmIn)),
)
async def confirm(request: HotRequest) -> bytes:
    """Repeated it changes nothing. What is free again is 409 `too-late`."""
    resources = request.resources
    wanted = await read_model(request, ConfirmIn)
    terms = resources.of(Loyalty).terms()
    async with posting(resources) as (connection, now_us):
        told, ids = await confirm_points(connection, terms, wanted.redemption_id, wanted.order_id, now_us)
        name_customers(request.scope, ids)
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(told)


@router.post(
    "/release",
    dependencies=_DECIDE,
    response_model=RedemptionOut,
    summary="Free what was reserved, or give back what was spent",
    openapi_extra=json_body(schema_of(ReleaseIn)),
)
async def release(request: HotRequest) -> bytes:
    """The points return to the lots that they were taken of, and expire with those. Repeated it changes nothing."""
    resources = request.resources
    wanted = await read_model(request, ReleaseIn)
    terms = resources.of(Loyalty).terms()
    async with posting(resources) as (connection, now_us):
        told, ids = await release_points(connection, terms, wanted.redemption_id, now_us)
        name_customers(request.scope, ids)
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(told)


@expiring.get("/expiring", response_model=ExpiringOut, summary="Points that are about to expire")
async def get_expiring(
    request: Request,
    within_days: Annotated[int, Query(ge=1, le=366)] = 30,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Every lot of everybody with points left, the first to expire first, paged: whom to tell, and of what."""
    resources: Resources = request.app.state.resources
    after: Sequence[Any] | None = None if cursor is None else read_cursor(cursor, int, str, str, str)
    now_us = time.time_ns() // 1000
    until_us = now_us + within_days * DAY_US
    async with transaction(resources.engine) as connection:
        rows = await list_expiring(connection, now_us, until_us, after, limit + 1)
    page = rows[:limit]
    name_customers(request.scope, [row.customer_id for row in page])
    last = page[-1] if len(rows) > limit else None
    return {
        "lots": [
            {
                "customer_id": row.customer_id,
                "points": row.active,
                "expires_at": iso(row.expires_us),
                "kind": row.kind,
                "order_id": row.reference if row.kind == "order" else None,
            }
            for row in page
        ],
        "next_cursor": None if last is None else write_cursor(last.expires_us, last.customer_id, last.source, last.id),
    }
