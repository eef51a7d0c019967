"""`/v1/models`: the registry, for those who run the service."""

import re
import time
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Request

from app.database.engine import transaction
from app.foundation.errors import NotFound, violation
from app.http.auth import sign_by_key
from app.http.resources import Resources
from app.http.routes import (
    HotRequest,
    HotRoute,
    has_body,
    json_body,
    read_model,
    requires,
    schema_of,
)
from app.models.gates import at_gate
from app.models.held import Models
from app.models.rendering import compare_models, describe_model, list_models
from app.models.schemas import (
    ApprovalIn,
    ApprovalOut,
    ComparisonOut,
    ModelChangeIn,
    ModelDetailOut,
    ModelListOut,
    PromotedOut,
    RollbackIn,
)
from app.models.service import Promoted, approve, promote, rollback

MOST_COMPARED: Final = 8
VERSION_PATTERN: Final = r"^[0-9A-Za-z._-]{1,128}$"

Version = Annotated[str, Path(pattern=VERSION_PATTERN)]

router = APIRouter(prefix="/v1", tags=["models"])
changes = APIRouter(prefix="/v1", tags=["models"], route_class=HotRoute)


@router.get("/models", dependencies=[requires("admin")], response_model=ModelListOut, summary="Every model there was")
async def get_models(request: Request) -> dict[str, Any]:
    """With state, data window, digests and the metrics of its hold-out; the latest registered first."""
    resources: Resources = request.app.state.resources
    async with transaction(resources.engine) as connection:
        return {"models": await list_models(connection)}


_COMPARED: Final = {
    "name": "versions",
    "in": "query",
    "required": True,
    "description": f"Two to {MOST_COMPARED} different ones, with commas between.",
    "explode": False,
    "schema": {
        "type": "array",
        "items": {"type": "string", "pattern": VERSION_PATTERN},
        "minItems": 2,
        "maxItems": MOST_COMPARED,
        "uniqueItems": True,
    },
}


@router.get(
    "/models:compare",
    dependencies=[requires("admin")],
    response_model=ComparisonOut,
    summary="Models side by side",
    openapi_extra={"parameters": [_COMPARED]},
)
async def get_comparison(request: Request) -> dict[str, Any]:
    """Metrics of each; and of the customers that two were asked of at the same time, how they differ and who was right.

    The metrics of a hold-out compare only where both were measured on the same data; the shadow does, if
    their horizons are the same.
    """
    resources: Resources = request.app.state.resources
    wanted = request.query_params.get("versions", "").split(",")
    are_versions = all(re.fullmatch(VERSION_PATTERN, version) for version in wanted)
    if not 2 <= len(set(wanted)) == len(wanted) <= MOST_COMPARED or not are_versions:
        raise violation(("versions",), f"Name two to {MOST_COMPARED} different versions, with commas between.")
    async with transaction(resources.engine) as connection:
        return await compare_models(connection, wanted)


@router.get(
    "/models/{version}", dependencies=[requires("admin")], response_model=ModelDetailOut, summary="A model, its card"
)
async def get_model(request: Request, version: Version) -> dict[str, Any]:
    """Manifest with its metrics, card, changes of state, and how it fares: outcomes and drift."""
    resources: Resources = request.app.state.resources
    async with transaction(resources.engine) as connection:
        return await describe_model(connection, version)


@changes.post(
    "/models/{version}:promote",
    dependencies=[requires("admin")],
    response_model=PromotedOut,
    summary="Put a model in force",
    openapi_extra=json_body(schema_of(ModelChangeIn), required=False),
)
async def post_promotion(request: HotRequest, version: Version) -> bytes:
    """The champion retires. Everywhere within 5 seconds; every answer names the version that made it.

    A policy that would treat some customers otherwise beside the others is a 409, until another key has approved it.
    """
    _check_version(version)
    resources, reason = request.resources, await _read_reason(request)
    gates = resources.of(Models).gates
    async with at_gate(resources.surveys) as connection:  # which may read much
        who = await _who(connection, request)
        promoted = await promote(connection, version, time.time_ns() // 1000, who, reason, gates)
        await resources.audit.record(connection, request.scope)
    return _render(promoted)


@changes.post(
    "/models/{version}:approve",
    dependencies=[requires("admin")],
    response_model=ApprovalOut,
    summary="Give the word of a second person",
    openapi_extra=json_body(schema_of(ApprovalIn)),
)
async def post_approval(request: HotRequest, version: Version) -> bytes:
    """For what a policy would do otherwise than the champion; for 30 days. Not by the key that promotes it then."""
    _check_version(version)
    resources, wanted = request.resources, await read_model(request, ApprovalIn)
    gates = resources.of(Models).gates
    async with at_gate(resources.surveys) as connection:  # which may read much
        who = await _who(connection, request)
        told = await approve(connection, version, time.time_ns() // 1000, who, wanted.reason, gates)
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(told)


def _check_version(version: str) -> None:
    if "\0" in version:  # which the database takes in no text
        raise NotFound("There is no such model.")


@changes.post(
    "/models:rollback",
    dependencies=[requires("admin")],
    response_model=PromotedOut,
    summary="Go back to the model before",
    openapi_extra=json_body(schema_of(RollbackIn), required=False),
)
async def post_rollback(request: HotRequest) -> bytes:
    """The model that was in force before the champion serves again; asked again, the one before that."""
    resources = request.resources
    wanted = await read_model(request, RollbackIn) if has_body(request) else RollbackIn()
    async with transaction(resources.engine) as connection:
        who = await _who(connection, request)
        promoted = await rollback(connection, time.time_ns() // 1000, who, wanted.reason, wanted.kind)
        await resources.audit.record(connection, request.scope)
    return _render(promoted)


async def _read_reason(request: HotRequest) -> str:
    return (await read_model(request, ModelChangeIn)).reason if has_body(request) else ""


async def _who(connection: Any, request: HotRequest) -> str:
    return await sign_by_key(connection, request.fields.get(b"authorization", b""))


def _render(promoted: Promoted) -> bytes:
    return orjson.dumps({"champion": promoted.version, "replaced": promoted.replaced})
