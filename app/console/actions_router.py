"""Actions: the catalogue, and what each brought about against whom it was withheld from."""

import asyncio
from typing import Any, Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Query, Refused, write_call
from app.console.days import ago, day_before
from app.console.pages import PageRequest, PageRoute, lead_to
from app.foundation.errors import Malformed, NotFound

PERIODS_DAYS: Final = (30, 90, 365)
USUAL_DAYS: Final = 90
CATALOGUE: Final = "/v1/actions"
SIMULATION: Final = "/v1/actions:simulate"
MOST_FORM_BYTES: Final = 160 * 1024
"""A form writes a Chinese character in nine bytes, of which three are its own."""

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


@router.get("/action")
async def get_action(request: PageRequest) -> Response:
    """One of the catalogue, as it is in force, and for how many of today's customers it would be."""
    action_id = request.query_params.get("id", "")
    catalogue = await request.api.get(CATALOGUE)
    action = next((each for each in catalogue["actions"] if each["action_id"] == action_id), None)
    if action is None:
        raise NotFound("There is no such action.")
    draft = orjson.dumps(action, option=orjson.OPT_INDENT_2)
    return await _draw_action(request, draft, is_saved="saved" in request.query_params)


@router.post("/action/simulate")
async def post_simulation(request: PageRequest) -> Response:
    """A draft, which is not put in force."""
    return await _draw_action(request, await _read_draft(request))


@router.post("/action/save")
async def post_action(request: PageRequest) -> Response:
    """Puts a draft in force."""
    draft = await _read_draft(request)
    action_id = _name(draft)
    try:
        await request.api.put(f"{CATALOGUE}/{quote(action_id, safe='')}", draft)
    except Refused as refused:
        return await _draw_action(request, draft, refused=refused)
    return lead_to(f"/console/action?id={quote(action_id, safe='')}&saved")


async def _read_draft(request: PageRequest) -> bytes:
    """Raises Malformed where there is none."""
    draft = (await request.read_form(MOST_FORM_BYTES)).get("action", "").encode()
    if not draft.strip():
        raise Malformed("action: Give the action as it should be.")
    return draft


def _name(draft: bytes) -> str:
    """The id that a draft has, or something that no action is."""
    try:
        told = orjson.loads(draft)
    except orjson.JSONDecodeError:
        return "none"
    return str(told.get("action_id") or "none") if isinstance(told, dict) else "none"


async def _draw_action(
    request: PageRequest, draft: bytes, *, refused: Refused | None = None, is_saved: bool = False
) -> Response:
    """A draft with its simulation, or with what is wrong with it."""
    told: Any = None
    if refused is None:
        try:
            told = await request.api.post(SIMULATION, b'{"action":' + draft + b"}")
        except Refused as found:
            refused = found
    return await request.draw(
        "action.html",
        status=200 if refused is None else refused.status,
        action_id=_name(draft),
        draft=draft.decode("utf-8", "replace"),
        told=told,
        refused=refused,
        is_saved=is_saved,
        may_change=request.who is not None and request.who.may("admin"),
    )
