"""`/v1/events/rejected`: what was refused, replayed after a fix or deleted."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from app.database.engine import transaction
from app.foundation.errors import TYPE_PREFIX, NotFound, violation
from app.foundation.times import iso, to_us
from app.http.resources import Resources
from app.http.routes import (
    HotRequest,
    HotRoute,
    has_body,
    json_body,
    read_body,
    read_model,
    requires,
    schema_of,
)
from app.http.strict_json import read_json
from app.http.times import Time
from app.ingest import rejected_queries as queries
from app.ingest.receipts import count_statuses
from app.ingest.rejected_queries import Selection
from app.ingest.rejected_schemas import (
    ProblemType,
    PurgedOut,
    RejectedPageOut,
    ReplayedOut,
    ReplayIn,
    ReplayOut,
)
from app.ingest.replaying import Kept, Replayed, replay
from app.ingest.schemas import EventIn

MAX_ID: Final = 2**63 - 1

router = APIRouter(prefix="/v1/events", tags=["rejected events"])
replays = APIRouter(prefix="/v1/events", tags=["rejected events"], route_class=HotRoute)


@router.get(
    "/rejected", dependencies=[requires("read")], response_model=RejectedPageOut, summary="Events that were refused"
)
async def get_rejected(
    request: Request,
    since: Time | None = None,
    type: ProblemType | None = None,  # noqa: A002 - the name on the wire
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,19}$")] = None,
) -> dict[str, Any]:
    """Latest first, paged. `type` is the problem's, with or without `urn:perennial:problem:`.

    A page may be shorter than `limit` where the events are large.
    """
    resources: Resources = request.app.state.resources
    before = None if cursor is None else min(int(cursor), MAX_ID)
    selection = Selection(None if since is None else to_us(since), _whole_type(type))
    async with transaction(resources.engine) as connection:
        rows, are_more = await queries.read_before(connection, selection, before, limit)
    return {
        "events": [_render_row(row) for row in rows],
        "next_cursor": str(rows[-1].rejected_id) if are_more else None,
    }


def _whole_type(given: str | None) -> str | None:
    return given if given is None or given.startswith(TYPE_PREFIX) else TYPE_PREFIX + given


def _render_row(row: Any) -> dict[str, Any]:
    return {
        "rejected_id": row.rejected_id,
        "received_at": iso(row.received_us),
        "problem": row.problem,
        "event": orjson.loads(row.event),
    }


@router.delete(
    "/rejected/{rejected_id}", dependencies=[requires("admin")], status_code=204, summary="Delete a refused event"
)
async def delete_one(request: Request, rejected_id: Annotated[int, Path(ge=1, le=MAX_ID)]) -> Response:
    """For what will never be mended."""
    resources: Resources = request.app.state.resources
    async with transaction(resources.engine) as connection:
        if not await queries.delete_rejected(connection, [rejected_id]):
            raise NotFound("There is no such refused event.")
        await resources.audit.record(connection, request.scope)
    return Response(status_code=204)


@router.delete(
    "/rejected", dependencies=[requires("admin")], response_model=PurgedOut, summary="Delete refused events by age"
)
async def purge(request: Request, before: Time) -> dict[str, int]:
    """Those that came before a time. In portions, each committed: what breaks off may be asked for again."""
    resources: Resources = request.app.state.resources
    purged, before_us = 0, to_us(before)
    while True:
        async with transaction(resources.engine) as connection:
            portion = await queries.purge_some(connection, before_us)
            if portion < queries.PURGED_AT_ONCE:
                await resources.audit.record(connection, request.scope)
        purged += portion
        if portion < queries.PURGED_AT_ONCE:
            return {"purged": purged}


@replays.post(
    "/rejected/{rejected_id:int}:replay",
    dependencies=[requires("admin")],
    response_model=ReplayedOut,
    summary="Count a refused event after a fix",
    openapi_extra=json_body(schema_of(EventIn), required=False),
)
async def replay_one(request: HotRequest, rejected_id: Annotated[int, Path(ge=1, le=MAX_ID)]) -> bytes:
    """As it was kept, or as the body has it: the event mended.

    What is accepted, or turns out a duplicate, is no longer among the refused. What is refused again is
    answered with its problem (409, 422) and stays.
    """
    resources = request.resources
    async with transaction(resources.engine) as connection:
        rows, _ = await queries.read_these(connection, [rejected_id] if rejected_id <= MAX_ID else [])
    if not rows:
        raise NotFound("There is no such refused event.")
    is_edited = has_body(request)
    raw = read_json(await read_body(request)) if is_edited else orjson.loads(rows[0].event)
    (replayed,) = await replay([Kept(rejected_id, raw, rows[0].problem)], resources, is_edited=is_edited)
    if replayed.problem is not None:
        raise replayed.problem
    return orjson.dumps(_render(replayed))


@replays.post(
    "/rejected:replay",
    dependencies=[requires("admin")],
    response_model=ReplayOut,
    summary="Count refused events after a fix",
    openapi_extra=json_body(schema_of(ReplayIn)),
)
async def replay_many(request: HotRequest) -> bytes:
    """Those named, or the oldest first, up to 1,000 and to 8 MiB at once."""
    resources = request.resources
    wanted = await read_model(request, ReplayIn)
    rows, are_more = await _read_wanted(wanted, resources)
    kept = [Kept(row.rejected_id, orjson.loads(row.event), row.problem) for row in rows]
    replayed = await replay(kept, resources)
    statuses = [item.status for item in replayed]
    last = rows[-1].rejected_id if are_more else None
    found = {item.rejected_id for item in kept}
    return orjson.dumps(
        {
            **count_statuses(statuses, ("accepted", "duplicate", "rejected")),
            "results": [_render(item) for item in replayed],
            "unknown": [
                rejected_id
                for rejected_id in dict.fromkeys(wanted.rejected_ids or ())
                if rejected_id not in found and wanted.after < rejected_id and (last is None or rejected_id < last)
            ],
            "next_after": last,
        }
    )


async def _read_wanted(wanted: ReplayIn, resources: Resources) -> tuple[Any, bool]:
    has_rules = bool(wanted.model_fields_set - {"rejected_ids", "after"})
    if wanted.rejected_ids is not None and has_rules:
        raise violation(("rejected_ids",), "Give ids, or say which by the other members.")
    async with transaction(resources.engine) as connection:
        if wanted.rejected_ids is not None:
            later = {rejected_id for rejected_id in wanted.rejected_ids if rejected_id > wanted.after}
            return await queries.read_these(connection, later)
        selection = Selection(None if wanted.since is None else to_us(wanted.since), _whole_type(wanted.type))
        return await queries.read_after(connection, selection, wanted.after, wanted.limit)


def _render(replayed: Replayed) -> dict[str, Any]:
    rendered: dict[str, Any] = {"rejected_id": replayed.rejected_id, "status": replayed.status}
    return rendered if replayed.problem is None else {**rendered, "problem": replayed.problem.as_json()}
