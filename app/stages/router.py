"""`GET /v1/customers/{id}/stages`, `GET /v1/stages` and `GET /v1/warnings`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.customers.service import read_customer_id
from app.database.engine import transaction
from app.foundation.errors import Malformed, UnknownCustomer
from app.foundation.times import iso
from app.http.auditing import name_customers
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.http.times import Moment, read_moment
from app.ingest.intake import Intake
from app.stages import queries
from app.stages.schemas import FlowsOut, TransitionPageOut, WarningPageOut
from app.stages.service import render_flows, render_transition, render_warning

router = APIRouter(prefix="/v1", tags=["stages"], dependencies=[requires("read")])


@router.get(
    "/customers/{customer_id:path}/stages",
    response_model=TransitionPageOut,
    summary="The stages a customer went through",
)
async def get_transitions(
    request: Request, customer_id: str, as_of: Moment | None = None, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """Newest first, paged; those before `as_of`, or all."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    bounds_us = [] if cursor is None else [read_cursor(cursor, int)[0]]
    if as_of is not None:
        bounds_us.append(read_moment(as_of, "as_of", time.time_ns() // 1000))
    async with transaction(resources.engine) as connection:
        rows = await queries.read_transitions(connection, customer_id, min(bounds_us, default=None), limit + 1)
        if not rows and not await queries.is_known(connection, customer_id):
            raise UnknownCustomer("There is no event of this customer.")
    page = rows[:limit]
    return {
        "customer_id": customer_id,
        "transitions": [render_transition(row) for row in page],
        "next_cursor": write_cursor(page[-1].at_us) if len(rows) > limit else None,
    }


@router.get("/stages", response_model=FlowsOut, summary="How customers flow between stages")
async def get_flows(
    request: Request,
    from_: Annotated[Moment, Query(alias="from")],
    to: Moment | None = None,
) -> dict[str, Any]:
    """Customers of each stage at two times, and the flows between them. `to` left out: now."""
    resources: Resources = request.app.state.resources
    now_us = time.time_ns() // 1000
    from_us = read_moment(from_, "from", now_us)
    to_us = now_us if to is None else read_moment(to, "to", now_us)
    if to_us < from_us:
        raise Malformed("to: Give a time that is not before from.")
    async with transaction(resources.engine) as connection:
        rows = await queries.count_moves(connection, from_us, to_us)
    return render_flows(rows, from_us, to_us)


@router.get("/warnings", response_model=WarningPageOut, summary="Customers about to leave")
async def get_warnings(request: Request, since: Moment, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
    """Whose churn risk rose to the threshold since a time and is still there; most expected loss first, paged."""
    resources: Resources = request.app.state.resources
    settings = resources.settings
    since_us = read_moment(since, "since", time.time_ns() // 1000)
    after = None if cursor is None else read_cursor(cursor, float, str)
    async with transaction(resources.engine) as connection:
        rows = await queries.read_warnings(connection, since_us, after, limit + 1)
        sweep = await queries.read_last_sweep(connection)
    page = rows[:limit]
    name_customers(request.scope, (row.customer_id for row in page))
    return {
        "threshold": settings.warning_risk,
        "currency": settings.currency,
        "swept_at": None if sweep is None else iso(sweep.as_of_us),
        "warnings": [render_warning(row, settings.digits) for row in page],
        "next_cursor": write_cursor(page[-1].expected_loss, page[-1].customer_id) if len(rows) > limit else None,
    }
