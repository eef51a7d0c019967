"""Data: what was refused and why, counted after all once it is mended."""

from typing import Any, Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Query, Refused, write_call
from app.console.pages import PageRequest, PageRoute
from app.foundation.errors import Malformed

PATH: Final = "/v1/events/rejected"
HOME: Final = "/console/data"
PAGE: Final = 20
MOST_SHOWN_BYTES: Final = 16 * 1024
"""Of an event as JSON with its lines indented: whoever would mend a larger one does it by the API."""
MOST_FORM_BYTES: Final = 10 * MOST_SHOWN_BYTES
"""A form writes a Chinese character in nine bytes, of which three are its own."""
MOST_DIGITS: Final = 19

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/data")
async def get_data(request: PageRequest) -> Response:
    """The latest first."""
    return await _draw(request)


@router.post("/data/replay")
async def post_replay(request: PageRequest) -> Response:
    """One, as it was kept or as it is mended in the form."""
    form = await request.read_form(MOST_FORM_BYTES)
    rejected_id = form.get("rejected_id", "")
    if not (rejected_id.isascii() and rejected_id.isdigit() and len(rejected_id) <= MOST_DIGITS):
        raise Malformed("rejected_id: Give the number of a refused event.")
    body = None
    if form.get("as") == "mended":
        body = form.get("event", "").encode()
        if not body.strip():
            raise Malformed("event: Give the event as it should be.")
    try:
        told = await request.api.post(f"{PATH}/{quote(rejected_id)}:replay", body)
    except Refused as refused:
        return await _draw(request, status=refused.status, refused=refused.detail)
    return await _draw(request, counts={told["status"]: 1})


@router.post("/data/replay-all")
async def post_replay_all(request: PageRequest) -> Response:
    """As many as a call takes, the oldest first."""
    told = await request.api.post(f"{PATH}:replay", {})
    return await _draw(request, counts={name: told[name] for name in ("accepted", "duplicate", "rejected")})


async def _draw(
    request: PageRequest, *, status: int = 200, counts: dict[str, int] | None = None, refused: str | None = None
) -> Response:
    query: Query = {"limit": PAGE}
    page: Any = await request.api.get(PATH, {**query, "cursor": request.query_params.get("cursor")})
    shown = {each["rejected_id"]: _show(each["event"]) for each in page["events"]}
    told = {
        "page": page,
        "shown": shown,
        "counts": counts or {},
        "refused": refused,
        "may_change": _may_change(request),
    }
    return await request.draw("data.html", status=status, home=HOME, call=write_call(PATH, query), told=told)


def _show(event: Any) -> str | None:
    """None: it is too large for a page."""
    if len(orjson.dumps(event)) > MOST_SHOWN_BYTES:
        return None
    text = orjson.dumps(event, option=orjson.OPT_INDENT_2).decode()
    return text if len(text.encode()) <= MOST_SHOWN_BYTES else None


def _may_change(request: PageRequest) -> bool:
    return request.who is not None and request.who.may("admin")
