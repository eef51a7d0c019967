"""The catalogue at `/v1/actions`, and its versions."""

import time
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.database.engine import transaction
from app.decisions import catalogue_queries as queries
from app.decisions.catalogue_schemas import ActionListOut, ActionVersionPageOut
from app.decisions.conditions_told import tell_conditions
from app.decisions.held import Decisions
from app.foundation.errors import NotFound, violation
from app.foundation.times import iso
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.http.strict_json import is_plain_text
from app.lifecycle.actions import Action, ActionId

router = APIRouter(prefix="/v1/actions", tags=["actions"], route_class=HotRoute)
versions = APIRouter(prefix="/v1/actions", tags=["actions"], dependencies=[requires("read")])


@router.get("", dependencies=[requires("read")], response_model=ActionListOut, summary="The catalogue of actions")
async def get_actions(request: HotRequest) -> bytes:
    """All actions, in the order of their ids."""
    async with transaction(request.resources.engine) as connection:
        catalogue = await queries.read_catalogue(connection)
    listed = [action.model_dump(mode="json") for action in catalogue.actions]
    return orjson.dumps({"actions": listed, "conditions": tell_conditions(catalogue)})


@router.put(
    "/{action_id}",
    dependencies=[requires("admin")],
    response_model=Action,
    summary="Add or replace an action",
    openapi_extra=json_body(schema_of(Action)),
)
async def put_action(request: HotRequest, action_id: ActionId) -> bytes:
    """In force at once here, and within seconds in other processes."""
    resources = request.resources
    action = await read_model(request, Action, strict=True)
    if action.action_id != action_id:
        raise violation(("action_id",), "It differs from the one in the path.")
    async with resources.of(Decisions).changing(resources.engine) as connection:
        await queries.put_action(
            connection,
            action,
            time.time_ns() // 1000,
            await queries.name_sender(connection, request.fields.get(b"authorization")),
        )
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(action.model_dump(mode="json"))


@router.delete("/{action_id}", dependencies=[requires("admin")], status_code=204, summary="Remove an action")
async def delete_action(request: HotRequest, action_id: str) -> Response:
    """Receipts that name it stay, and so do its versions."""
    resources = request.resources
    async with resources.of(Decisions).changing(resources.engine) as connection:
        who, now_us = (
            await queries.name_sender(connection, request.fields.get(b"authorization")),
            time.time_ns() // 1000,
        )
        if not is_plain_text(action_id) or not await queries.delete_action(connection, action_id, now_us, who):
            raise NotFound("There is no such action.")
        await resources.audit.record(connection, request.scope)
    return Response(status_code=204)


@versions.get("/{action_id}/versions", response_model=ActionVersionPageOut, summary="The versions of an action")
async def get_versions(
    request: Request,
    action_id: str,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The latest first, paged: who changed what, and when. Also of an action that was removed."""
    resources: Resources = request.app.state.resources
    before: Sequence[Any] | None = None if cursor is None else read_cursor(cursor, int)
    async with transaction(resources.engine) as connection:
        told = (action_id, before[0] if before else None, limit + 1)
        rows = await queries.list_versions(connection, *told) if is_plain_text(action_id) else []
    if not rows and cursor is None:
        raise NotFound("There never was such an action.")
    page = rows[:limit]
    return {
        "versions": [
            {
                "version": row.version,
                "changed_at": iso(row.changed_us),
                "changed_by": row.changed_by,
                "definition": row.definition,
            }
            for row in page
        ],
        "next_cursor": write_cursor(page[-1].version) if len(rows) > limit else None,
    }
