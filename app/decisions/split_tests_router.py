"""`/v1/tests`: tests of two sides."""

import time
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Response
from pydantic import Field

from app.database.engine import transaction
from app.decisions import split_test_queries as queries
from app.decisions.catalogue_queries import name_sender
from app.decisions.held import Decisions
from app.decisions.outcome_queries import Rewarding
from app.decisions.split_test_rendering import render_reading, render_test
from app.decisions.split_test_schemas import SplitTestIn, SplitTestListOut, SplitTestOut, SplitTestReadingOut
from app.decisions.split_testing import (
    check_sides,
    drop_test,
    fill_in,
    kept_test,
    put_test,
    read_test,
    tell_sample,
)
from app.foundation.errors import NotFound, violation
from app.http.auth import sign_by_key
from app.http.openapi_texts import PLAIN
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, language_of, read_model, requires, schema_of
from app.http.strict_json import is_plain_text
from app.lifecycle.events import DAY_US
from app.lifecycle.split_tests import BELIEFS, CHAMPION
from app.models.gates import at_gate
from app.models.held import Models
from app.models.service import check_deciding

router = APIRouter(prefix="/v1/tests", tags=["decisions"], route_class=HotRoute)
_MOST_LISTED: Final = 200
_MOST_NAMED: Final = 64
TestId = Annotated[str, Field(min_length=1, max_length=_MOST_NAMED, pattern=PLAIN)]


@router.get("", dependencies=[requires("read")], response_model=SplitTestListOut, summary="Tests of two sides")
async def get_tests(request: HotRequest) -> bytes:
    """The 200 that began last, as they were put."""
    async with transaction(request.resources.engine) as connection:
        rows = await queries.list_tests(connection, _MOST_LISTED)
    now_us = time.time_ns() // 1000
    return orjson.dumps({"tests": [render_test(kept_test(row), now_us) for row in rows]})


@router.put(
    "/{test_id}",
    dependencies=[requires("admin")],
    response_model=SplitTestOut,
    summary="Define a test of two sides, or end one",
    openapi_extra=json_body(schema_of(SplitTestIn)),
)
async def put(request: HotRequest, test_id: TestId) -> bytes:
    """The answer says beforehand how many persons of each side are needed. In force at once here, and within seconds in
    other processes; one that has begun can be ended early, and nothing else."""
    resources, now_us = request.resources, time.time_ns() // 1000
    wanted = await read_model(request, SplitTestIn)
    if not is_plain_text(test_id) or not test_id or len(test_id) > _MOST_NAMED:
        raise violation(("test_id",), f"An id has up to {_MOST_NAMED} characters, none of control.")
    begun = await _find_begun(resources, test_id, now_us)
    if begun is None:
        wanted = fill_in(wanted, resources.settings.attribution_days, now_us)
    else:
        wanted = wanted.model_copy(update={"window_days": wanted.window_days or begun.wanted.window_days})
    sample = {} if begun is not None else await _prepare(request, wanted, now_us)
    async with resources.of(Decisions).changing(resources.engine) as connection:
        sender = await name_sender(connection, request.fields.get(b"authorization"))
        now_us = time.time_ns() // 1000  # to prepare it takes seconds, in which another may have begun
        kept = await put_test(connection, test_id, wanted, sample, now_us, sender)
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(render_test(kept, now_us))


async def _find_begun(resources: Resources, test_id: str, now_us: int) -> Any:
    async with transaction(resources.engine) as connection:
        row = await queries.read_test(connection, test_id)
    return None if row is None or row.starts_us > now_us else kept_test(row)


async def _prepare(request: HotRequest, wanted: SplitTestIn, now_us: int) -> dict[str, Any]:
    """What is told of the sample, of sides that can be compared. Raises NotPromotable where a policy is to decide for
    some that might not be put in force for all."""
    assert wanted.window_days is not None
    resources = request.resources
    rewarding = Rewarding.of(resources.settings)._replace(window_us=wanted.window_days * DAY_US)
    async with at_gate(resources.surveys) as connection:
        await check_sides(connection, wanted, resources.of(Decisions).catalogue)
        who = await sign_by_key(connection, request.fields.get(b"authorization", b""))
        for version in sorted({wanted.a.policy, wanted.b.policy} - {CHAMPION, BELIEFS}):
            await check_deciding(connection, version, now_us, who, resources.of(Models).gates)
        return await tell_sample(connection, wanted, now_us, rewarding)


@router.get(
    "/{test_id}",
    dependencies=[requires("read")],
    response_model=SplitTestReadingOut,
    summary="What a test of two sides says",
)
async def get_test(request: HotRequest, test_id: str) -> bytes:
    """As it was put, and the readings of now."""
    resources, now_us = request.resources, time.time_ns() // 1000
    async with transaction(resources.surveys) as connection:
        row = await queries.read_test(connection, test_id) if is_plain_text(test_id) else None
        if row is None:
            raise NotFound("There is no such test.")
        kept = kept_test(row)
        read = await read_test(connection, kept, now_us, Rewarding.of(resources.settings))
    return orjson.dumps(render_reading(kept, read, now_us, resources.settings.currency, language_of(request)))


@router.delete(
    "/{test_id}", dependencies=[requires("admin")], status_code=204, summary="Remove a test that has not begun"
)
async def delete_test(request: HotRequest, test_id: str) -> Response:
    """One that has begun is ended, not removed."""
    resources, now_us = request.resources, time.time_ns() // 1000
    async with resources.of(Decisions).changing(resources.engine) as connection:
        if not is_plain_text(test_id) or not await drop_test(connection, test_id, now_us):
            raise NotFound("There is no such test.")
        await resources.audit.record(connection, request.scope)
    return Response(status_code=204)
