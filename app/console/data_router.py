"""Data: what was refused and why, counted after all once it is mended."""

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Query, Refused, write_call
from app.console.pages import PageRequest, PageRoute
from app.foundation.errors import Malformed

PATH: Final = "/v1/events/rejected"
PAGE: Final = 20

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/data")
async def get_data(request: PageRequest) -> Response:
    """The latest first."""
    return await _draw(request)


@router.post("/data/replay")
async def post_replay(request: PageRequest) -> Response:
    """One, as it was kept or as it is mended in the form."""
    form = await request.read_form()
    rejected_id, event = form.get("rejected_id", ""), form.get("event")
    if not rejected_id.isdigit():
        raise Malformed("rejected_id: Give the number of a refused event.")
    body = event.encode() if event is not None and form.get("as") == "mended" else None
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
    told = {"page": page, "counts": counts or {}, "refused": refused, "may_change": _may_change(request)}
    return await request.draw("data.html", status=status, call=write_call(PATH, query), told=told)


def _may_change(request: PageRequest) -> bool:
    return request.who is not None and request.who.may("admin")
