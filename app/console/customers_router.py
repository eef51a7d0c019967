"""Customers: who is about to leave, and all of one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Query, Refused, path_of, write_call
from app.console.charts import draw_waterfall
from app.console.days import day_before
from app.console.pages import PageRequest, PageRoute, lead_to
from app.console.sheets import write_sheet
from app.console.timeline import join_timeline
from app.foundation.errors import Malformed

WARNED_DAYS: Final = 90
MOST_DAYS: Final = 3650
PAGE: Final = 500
EVENTS: Final = 20
DECISIONS: Final = 10
TRANSITIONS: Final = 500
NOT_FOUND: Final = 404
_WARNING_COLUMNS: Final = (
    *("customer_id", "stage", "stage_rule", "churn_risk", "expected_loss", "crossed_at", "as_of", "model_version"),
)

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/customers")
async def get_customers(request: PageRequest) -> Response:
    """The search, and who is about to leave."""
    query: dict[str, str | int | None] = {"since": day_before(WARNED_DAYS, request.formats.zone), "limit": PAGE}
    warnings = await request.api.get("/v1/warnings", {**query, "cursor": request.query_params.get("cursor")})
    call = write_call("/v1/warnings", query)
    return await request.draw("customers.html", warnings=warnings, days=WARNED_DAYS, call=call)


@router.get("/customers.csv")
async def get_customers_csv(request: PageRequest) -> Response:
    """Who is about to leave, all of them."""
    query: Query = {"since": day_before(WARNED_DAYS, request.formats.zone)}
    warnings = await request.api.get_all("/v1/warnings", query, "warnings")
    rows = ([each[name] for name in _WARNING_COLUMNS] for each in warnings)
    return await asyncio.to_thread(write_sheet, "warnings", _WARNING_COLUMNS, rows)  # it may be long


@router.get("/customer")
async def get_customer(request: PageRequest) -> Response:
    """By their id, or by a phone or an e-mail. Spaces around it are none of it, unless an id has them."""
    customer_id = request.query_params.get("id", "")
    if not customer_id.strip():
        return lead_to("/console/customers")
    api = request.api
    try:
        profile, score, events, stages, decisions = await asyncio.gather(
            api.get(path_of(customer_id)),
            api.get(path_of(customer_id, "score")),
            api.get(path_of(customer_id, "events"), {"limit": EVENTS}),
            api.get(path_of(customer_id, "stages"), {"limit": TRANSITIONS}),
            api.get(path_of(customer_id, "decisions"), {"limit": DECISIONS}),
        )
    except Refused as refused:
        if refused.status != NOT_FOUND:
            raise
        if customer_id != customer_id.strip():
            return lead_to(f"/console/customer?id={quote(customer_id.strip(), safe='')}")
        return await request.draw("customer_unknown.html", status=NOT_FOUND, asked=customer_id)
    first = datetime.fromisoformat(profile["first_seen_at"])
    known_days = min((datetime.now(UTC) - first).days, MOST_DAYS)
    return await request.draw(
        "customer.html",
        customer_id=customer_id,
        profile=profile,
        known_days=known_days,
        timeline=join_timeline(events["events"], stages["transitions"], is_last=events["next_cursor"] is None),
        cursor=events["next_cursor"],
        transitions=stages["transitions"],
        decisions=decisions["decisions"],
        days=0,
        **_explain(score, write_call(path_of(customer_id, "score"))),
    )


@router.get("/customer/score")
async def get_score(request: PageRequest) -> Response:
    """The score so many days ago: a fragment."""
    customer_id, days = request.query_params.get("id", ""), _read_days(request)
    moment = datetime.now(UTC) - timedelta(days=days)
    query = {"as_of": moment.isoformat(timespec="seconds") if days else None}
    path = path_of(customer_id, "score")
    score = await request.api.get(path, query)
    return await request.draw("customer_score.html", days=days, **_explain(score, write_call(path, query)))


@router.get("/customer/timeline")
async def get_timeline(request: PageRequest) -> Response:
    """What was before: a fragment, which stands for the button that asked for it."""
    customer_id = request.query_params.get("id", "")
    query = {"limit": EVENTS, "cursor": request.query_params.get("cursor")}
    events, stages = await asyncio.gather(
        request.api.get(path_of(customer_id, "events"), query),
        request.api.get(path_of(customer_id, "stages"), {"limit": TRANSITIONS}),
    )
    cursor = events["next_cursor"]
    timeline = join_timeline(
        events["events"], stages["transitions"], is_last=cursor is None, until=request.query_params.get("until")
    )
    return await request.draw("customer_timeline.html", customer_id=customer_id, timeline=timeline, cursor=cursor)


@router.get("/decision")
async def get_decision(request: PageRequest) -> Response:
    """The receipt of one: what was weighed, and what came of it."""
    path = f"/v1/decisions/{quote(request.query_params.get('id', ''), safe='')}"
    return await request.draw("decision.html", decision=await request.api.get(path), call=path)


def _explain(score: dict[str, Any], call: str) -> dict[str, Any]:
    """A score with the waterfalls that explain it."""
    sums = score["sums"]
    told = (
        {}
        if sums is None
        else {
            "churn_risk": draw_waterfall(score["reasons"], sums["churn_risk"]),
            "expected_spend": draw_waterfall(score["value_reasons"], sums["expected_spend"]),
        }
    )
    prospect = score["prospect"]
    if prospect is not None and prospect["sum"] is not None:
        told["first_order_probability"] = draw_waterfall(prospect["reasons"], prospect["sum"])
    return {"score": score, "waterfalls": told, "call": call}


def _read_days(request: PageRequest) -> int:
    """How many days ago, of a slider that stands at minus so many. Raises Malformed."""
    try:
        days = -int(request.query_params.get("days", "0"))
    except ValueError:
        raise Malformed("days: Give a whole number.") from None
    if not 0 <= days <= MOST_DAYS:
        raise Malformed("days: Give a day that is not to come.")
    return days
