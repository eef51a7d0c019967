"""`GET /v1/demand`."""

import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.foundation.errors import violation
from app.http.resources import Resources
from app.http.routes import requires
from app.http.strict_json import is_plain_text
from app.items.following import Items
from app.models.held import Models
from app.recommendations.demand import answer
from app.recommendations.demand_parts import Asked
from app.recommendations.demand_schemas import DemandOut

MOST_DAYS: Final = 90
USUAL_DAYS: Final = 7

router = APIRouter(prefix="/v1/demand", tags=["recommendations"], dependencies=[requires("read")])
Name = Annotated[str, Query(min_length=1, max_length=128)]


@router.get("", response_model=DemandOut, summary="Units that will be sold, of an item or of a category")
async def get_demand(
    request: Request,
    item: Annotated[str | None, Query(min_length=1, max_length=256, description="An item.")] = None,
    category: Annotated[
        list[Name] | None, Query(max_length=8, description="A path, its first level first: repeat it for each level.")
    ] = None,
    store: Annotated[Name | None, Query(description="Where it is sold; left out: everywhere.")] = None,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="From now on.")] = USUAL_DAYS,
) -> dict[str, Any]:
    """Expected units over the next days with an interval, beside the same weekdays of late and last year's days.

    Give an item or a category. Without a model it rests on what was sold of late, and says so.
    """
    resources: Resources = request.app.state.resources
    if (item is None) == (not category):
        raise violation(("item",), "Give an item or a category, and not both.")
    if not all(is_plain_text(each) for each in (item or "", store or "", *(category or ()))):
        raise violation(("item",), "No text has control characters.")
    asked = Asked(item, tuple(category or ()), store, days)
    catalogue, model = resources.of(Items).catalogue, resources.of(Models).item_champion
    async with transaction(resources.engine) as connection:
        return await answer(connection, asked, catalogue, model, time.time_ns() // 1000)
