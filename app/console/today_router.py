"""Today: who is to be looked after now, what moved in a week, and whether the service is well."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Api, write_call
from app.console.days import day_before
from app.console.pages import PageRequest, PageRoute

WARNED_DAYS: Final = 90
WEEK_DAYS: Final = 7
ASKED: Final = 50
SHOWN: Final = 10
PROSPECTS: Final = 5
OPEN: Final = "open_complaint"

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/today")
async def get_today(request: PageRequest) -> Response:
    """What a shop begins its day with."""
    api = request.api
    query: dict[str, str | int | None] = {"since": day_before(WARNED_DAYS, request.formats.zone), "limit": ASKED}
    warnings, health = await asyncio.gather(api.get("/v1/warnings", query), api.get("/health"))
    scores = await _score(api, [each["customer_id"] for each in warnings["warnings"]])
    warned = [(each, scores.get(each["customer_id"])) for each in warnings["warnings"]]
    return await request.draw(
        "today.html",
        warnings=warnings,
        warned=warned[:SHOWN],
        complaining=[(each, score) for each, score in warned if score is not None and OPEN in score["flags"]],
        asked=len(warned),
        days=WARNED_DAYS,
        health=health,
        call=write_call("/v1/warnings", query),
    )


@router.get("/today/week")
async def get_week(request: PageRequest) -> Response:
    """How the stages moved: a fragment, since everybody is counted for it."""
    query = {"from": day_before(WEEK_DAYS, request.formats.zone)}
    stages = await request.api.get("/v1/stages", query)
    return await request.draw("today_week.html", stages=stages["stages"], call=write_call("/v1/stages", query))


@router.get("/today/prospects")
async def get_prospects(request: PageRequest) -> Response:
    """Who may order for the first time: a fragment, since everybody is looked at for it."""
    query = {"limit": PROSPECTS}
    prospects = await request.api.get("/v1/prospects", query)
    return await request.draw("today_prospects.html", prospects=prospects, call=write_call("/v1/prospects", query))


async def _score(api: Api, customer_ids: Sequence[str]) -> Mapping[str, Any]:
    """The scores of those that are still there, by id."""
    if not customer_ids:
        return {}
    told = await api.post("/v1/scores:batch", {"customer_ids": list(customer_ids)})
    return {score["customer_id"]: score for score in told["scores"]}
