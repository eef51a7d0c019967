"""`/v1/contact-policy`."""

import time
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel

from app.database.engine import transaction
from app.decisions import contact_policy_queries as queries
from app.decisions.catalogue_queries import name_sender
from app.decisions.contact_policy_queries import PolicyVersion
from app.decisions.held import Decisions
from app.foundation.errors import NotFound
from app.foundation.times import iso
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.lifecycle.contact_policy import ContactPolicy

router = APIRouter(prefix="/v1/contact-policy", tags=["actions"], route_class=HotRoute)


class ContactPolicyOut(BaseModel):
    """A policy, who put it in force and when. Version 0 is that of the beginning, which nobody did."""

    version: int
    changed_at: str | None
    changed_by: str | None
    policy: ContactPolicy


@router.get(
    "",
    dependencies=[requires("read")],
    response_model=ContactPolicyOut,
    summary="The contact policy in force",
)
async def get_policy(request: HotRequest) -> bytes:
    """How often, when and with whose leave customers are approached."""
    async with transaction(request.resources.engine) as connection:
        return _render(await queries.read_latest(connection))


@router.get(
    "/{version:int}",
    dependencies=[requires("read")],
    response_model=ContactPolicyOut,
    summary="A contact policy that was in force",
)
async def get_policy_version(request: HotRequest, version: int) -> bytes:
    """As receipts name it."""
    async with transaction(request.resources.engine) as connection:
        found = await queries.read_version(connection, version) if version else None
    if found is None and version:
        raise NotFound("There is no such version.")
    return _render(found)


@router.put(
    "",
    dependencies=[requires("admin")],
    response_model=ContactPolicyOut,
    summary="Put another contact policy in force",
    openapi_extra=json_body(schema_of(ContactPolicy)),
)
async def put_policy(request: HotRequest) -> bytes:
    """It is a new version, in force at once here and within seconds in other processes. What it does not tell is as in
    the beginning."""
    resources, now_us = request.resources, time.time_ns() // 1000
    policy = await read_model(request, ContactPolicy)
    async with resources.of(Decisions).changing(resources.engine) as connection:
        changed_by = await name_sender(connection, request.fields.get(b"authorization"))
        added = await queries.add_version(connection, policy, now_us, changed_by)
        await resources.audit.record(connection, request.scope)
    return _render(added)


def _render(version: PolicyVersion | None) -> bytes:
    told: dict[str, Any] = {"version": 0, "changed_at": None, "changed_by": None}
    if version is not None:
        told = {"version": version.version, "changed_at": iso(version.changed_us), "changed_by": version.changed_by}
    policy = ContactPolicy() if version is None else version.policy
    return orjson.dumps({**told, "policy": policy.model_dump(mode="json")})
