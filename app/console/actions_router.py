"""Actions: the catalogue, and what each brought about against whom it was withheld from."""

import asyncio
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Query, write_call
from app.console.days import ago, day_before
from app.console.pages import PageRequest, PageRoute

PERIODS_DAYS: Final = (30, 90, 365)
USUAL_DAYS: Final = 90

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/actions")
async def get_actions(request: PageRequest) -> Response:
    """Effects of what was decided from a day on, and the catalogue as it stands."""
    zone = request.formats.zone
    asked = request.query_params.get("from")
    query: Query = {"from": asked or day_before(USUAL_DAYS, zone)}
    effects, catalogue = await asyncio.gather(request.api.get("/v1/effects", query), request.api.get("/v1/actions"))
    return await request.draw(
        "actions.html",
        effects=effects,
        actions=catalogue["actions"],
        conditions=catalogue["conditions"],
        titles={each["action_id"]: each["title"][request.language] for each in catalogue["actions"]},
        periods=[(days, ago(days, zone).isoformat(), day_before(days, zone)) for days in PERIODS_DAYS],
        since=query["from"],
        call=write_call("/v1/effects", query),
    )
