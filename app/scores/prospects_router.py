"""`GET /v1/prospects`."""

import time
from typing import Any

from fastapi import APIRouter, Request

from app.database.engine import Driver
from app.foundation.errors import Malformed
from app.foundation.times import iso
from app.http.auditing import name_customers
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.scores.held import Scores
from app.scores.prospects import ORDERS, Place, list_prospects, read_prospects, render_listed
from app.scores.schemas import ProspectOrder, ProspectPageOut

router = APIRouter(prefix="/v1", tags=["scores"], dependencies=[requires("read")])


@router.get("/prospects", response_model=ProspectPageOut, summary="Who never bought, likeliest first")
async def get_prospects(
    request: Request,
    by: ProspectOrder = "first_order",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Those likeliest to order for the first time, or to turn out one of the best customers; paged."""
    resources: Resources = request.app.state.resources
    scoring, language = resources.of(Scores).scoring(), _language_of(request)
    as_of_us, after = _read_place(cursor, by)
    driver = Driver(resources.engine)
    try:
        found = await list_prospects(driver, scoring, as_of_us, by, after, limit + 1)
        states = await read_prospects(driver, [place.customer_id for place in found[:limit]])
    finally:
        await driver.close()
    name_customers(request.scope, (place.customer_id for place in found[:limit]))
    card, lack = scoring.prospects, scoring.prospects_lack
    return {
        "by": by,
        "as_of": iso(as_of_us),
        "horizon_days": card.horizon_days,
        "method": card.methods[ORDERS.index(by)],
        "data_sufficiency": card.data_sufficiency,
        "degraded": lack is not None,
        "degraded_because": lack,
        "model_version": None if scoring.model is None else scoring.model.version,
        "prospects": [render_listed(state, as_of_us, by, scoring, language) for state in states],
        "next_cursor": write_cursor(by, as_of_us, *found[limit - 1]) if len(found) > limit else None,
    }


def _read_place(cursor: str | None, by: ProspectOrder) -> tuple[int, Place | None]:
    """The time that the list is of, and where the page before ended. Raises Malformed."""
    if cursor is None:
        return time.time_ns() // 1000, None
    ordered_by, as_of_us, probability, customer_id = read_cursor(cursor, str, int, float, str)
    if ordered_by != by:
        raise Malformed("cursor: Give it with the `by` of the page that it came with.")
    return as_of_us, Place(probability, customer_id)


def _language_of(request: Request) -> str:
    return "zh" if request.headers.get("accept-language", "")[:2].lower() == "zh" else "en"
