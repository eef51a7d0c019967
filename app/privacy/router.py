"""`GET /v1/customers/{id}/export` and `/consents`, `DELETE /v1/customers/{id}` and `GET /v1/erasures`."""

import time
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from app.customers.service import read_customer_id, read_plain_customer_id
from app.database.engine import transaction
from app.foundation.errors import NotFound, violation
from app.http.auditing import recording
from app.http.auth import sign_by_key
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.http.strict_json import is_plain_text
from app.ingest.intake import Intake
from app.ingest.pseudonyms import ids_asked_for
from app.lifecycle.tombstones import Tombstones
from app.privacy.consents import read_consents, render_consent
from app.privacy.erasure import erase_person, render_erasure
from app.privacy.erasure_queries import find_erasures, list_erasures, read_erasure
from app.privacy.export import export_person
from app.privacy.schemas import ConsentPageOut, ErasureOut, ErasurePageOut, ExportOut

CHUNK_BYTES: Final = 64 * 1024
router = APIRouter(prefix="/v1", tags=["privacy"])
_ADMIN = [requires("admin")]


@router.get(
    "/customers/{customer_id:path}/export",
    dependencies=_ADMIN,
    response_model=ExportOut,
    summary="All that is kept of a person",
)
async def get_export(request: Request, customer_id: str) -> StreamingResponse:
    """Of the whole person, whichever of the ids is asked for, as it was at one moment."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    document = await export_person(resources.surveys, customer_id, time.time_ns() // 1000)
    async with transaction(resources.engine) as connection:  # before a byte of it is sent
        await resources.audit.record(connection, request.scope)
    return StreamingResponse(
        _chunks(document),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(document.close),
    )


@router.get(
    "/customers/{customer_id:path}/consents",
    dependencies=[requires("read")],
    response_model=ConsentPageOut,
    summary="What a person consented to, and when",
)
async def get_consents(
    request: Request,
    customer_id: str,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Every word on every purpose, under all ids of the person, latest first, paged."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    before = None if cursor is None else read_cursor(cursor, int, str, str)
    async with transaction(resources.engine) as connection:
        rows = await read_consents(connection, customer_id, before, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "consents": [render_consent(row) for row in rows[:limit]],
        "next_cursor": None if last is None else write_cursor(last.occurred_us, last.source, last.id),
    }


@router.delete(
    "/customers/{customer_id:path}", dependencies=_ADMIN, response_model=ErasureOut, summary="Erase a person"
)
async def delete_customer(request: Request, customer_id: str) -> dict[str, Any]:
    """All that is kept of the whole person, whichever of the ids is named; what comes of them later is not kept. Of an
    unknown customer that is all. Repeated, it answers the same receipt."""
    resources: Resources = request.app.state.resources
    named = ids_asked_for(read_plain_customer_id(customer_id), resources.of(Intake).rules)
    async with transaction(resources.engine) as connection:
        asked_by = await sign_by_key(connection, request.headers.get("authorization", "").encode())
    now_us = time.time_ns() // 1000
    record = recording(resources.audit, request.scope)
    return await erase_person(resources.surveys, resources.of(Tombstones), named, asked_by, now_us, record)


@router.get("/erasures", dependencies=_ADMIN, response_model=ErasurePageOut, summary="Receipts of erasures")
async def get_erasures(
    request: Request,
    customer_id: Annotated[str | None, Query(min_length=1, max_length=256)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The latest first, paged; or the one by which a customer is erased now."""
    resources: Resources = request.app.state.resources
    if customer_id is not None and not is_plain_text(customer_id):
        raise violation(("customer_id",), "No control characters, please.")
    before = None if cursor is None else read_cursor(cursor, int, str)
    async with transaction(resources.engine) as connection:
        if customer_id is not None:
            named, tombstones = ids_asked_for(customer_id, resources.of(Intake).rules), resources.of(Tombstones)
            rows = await find_erasures(connection, [each for name in named for each in tombstones.hashes(name)])
        else:
            rows = await list_erasures(connection, None if before is None else (before[0], before[1]), limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "erasures": [render_erasure(row) for row in rows[:limit]],
        "next_cursor": None if last is None else write_cursor(last.asked_us, last.erasure_id),
    }


@router.get(
    "/erasures/{erasure_id}",
    dependencies=_ADMIN,
    response_model=ErasureOut,
    summary="The receipt of an erasure",
)
async def get_erasure(request: Request, erasure_id: str) -> dict[str, Any]:
    """It names nobody."""
    resources: Resources = request.app.state.resources
    if is_plain_text(erasure_id):
        async with transaction(resources.engine) as connection:
            row = await read_erasure(connection, erasure_id)
        if row is not None:
            return render_erasure(row)
    raise NotFound("There is no such erasure.")


def _chunks(document: "SpooledTemporaryFile[bytes]") -> Iterator[bytes]:
    while chunk := document.read(CHUNK_BYTES):
        yield chunk
