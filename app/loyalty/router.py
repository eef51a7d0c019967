"""`/v1/loyalty/programme`, and the points of a customer."""

import time
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request

from app.customers.held import Customers
from app.customers.service import read_customer_id
from app.database.engine import transaction
from app.decisions.catalogue_queries import name_sender
from app.foundation.errors import Malformed, NotFound, UnknownCustomer
from app.foundation.times import to_us
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.ingest.intake import Intake
from app.lifecycle.events import DAY_US
from app.loyalty.held import NO_PROGRAMME, Loyalty
from app.loyalty.programme_queries import add_programme, hold_programmes, read_programmes
from app.loyalty.queries import list_entries, read_members, sum_entries
from app.loyalty.rendering import render_balance, render_entry, render_programme
from app.loyalty.schemas import BalanceOut, LedgerOut, ProgrammeIn, ProgrammeOut
from app.loyalty.service import settle
from app.loyalty.turns import posting

AHEAD_US: Final = 10_000_000
"""A later version is known to every process before it is in force."""
AT_MOST_US: Final = 366 * DAY_US
"""So far ahead it may begin: further is a slip."""

programmes = APIRouter(prefix="/v1/loyalty", tags=["loyalty"], route_class=HotRoute)
router = APIRouter(prefix="/v1/customers", tags=["loyalty"], dependencies=[requires("read")])


@programmes.get(
    "/programme",
    dependencies=[requires("read")],
    response_model=ProgrammeOut,
    summary="The loyalty programme that was put last",
)
async def get_programme(request: HotRequest) -> bytes:
    """What earns points, when they may be spent and when they expire."""
    async with transaction(request.resources.engine) as connection:
        found = await read_programmes(connection)
    if not found:
        raise NotFound(NO_PROGRAMME)
    return orjson.dumps(render_programme(found[-1]))


@programmes.get(
    "/programme/{version:int}",
    dependencies=[requires("read")],
    response_model=ProgrammeOut,
    summary="A loyalty programme that was or is in force",
)
async def get_programme_version(request: HotRequest, version: int) -> bytes:
    """As entries of the ledger name it."""
    async with transaction(request.resources.engine) as connection:
        found = [each for each in await read_programmes(connection) if each.version == version]
    if not found:
        raise NotFound("There is no such version.")
    return orjson.dumps(render_programme(found[0]))


@programmes.put(
    "/programme",
    dependencies=[requires("admin")],
    response_model=ProgrammeOut,
    summary="Put a loyalty programme in force",
    openapi_extra=json_body(schema_of(ProgrammeIn)),
)
async def put_programme(request: HotRequest) -> bytes:
    """It is a new version: what earlier orders earned stays. The first makes all orders since it began earn points."""
    resources, now_us = request.resources, time.time_ns() // 1000
    wanted = await read_model(request, ProgrammeIn)
    told_us = None if wanted.effective_at is None else to_us(wanted.effective_at)
    async with transaction(resources.engine) as connection:
        await hold_programmes(connection)
        known = await read_programmes(connection)
        least_us = now_us + AHEAD_US if known else 0
        effective_us = max(now_us, least_us) if told_us is None else told_us
        if not 0 <= effective_us <= now_us + AT_MOST_US:
            raise Malformed("effective_at: A programme begins in 1970 at the earliest, and within 366 days.")
        if effective_us < least_us:
            raise Malformed("effective_at: A later programme begins in ten seconds at the earliest.")
        sender = await name_sender(connection, request.fields.get(b"authorization"))
        added = await add_programme(connection, wanted.programme, effective_us, now_us, sender)
        await resources.audit.record(connection, request.scope)
    await resources.of(Loyalty).refresh(resources.engine)
    return orjson.dumps(render_programme(added))


@router.get("/{customer_id:path}/loyalty", response_model=BalanceOut, summary="The points of a customer")
async def get_balance(request: Request, customer_id: str) -> dict[str, Any]:
    """Of the person under all ids, as of now: what was counted before is posted first."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    terms = resources.of(Loyalty).terms()
    async with posting(resources) as (connection, now_us):
        person = (await settle(connection, terms, [customer_id], now_us))[customer_id]
        sums = await sum_entries(connection, person.books)
    if not any(book.lots for book in person.books.values()):
        await _check_known(resources, customer_id)
    return render_balance(customer_id, person, sums, now_us)


@router.get("/{customer_id:path}/loyalty/ledger", response_model=LedgerOut, summary="The ledger of a customer")
async def get_ledger(request: Request, customer_id: str, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
    """Every entry of the person under all ids, what was posted last first, paged. What was counted before is posted
    first."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    terms = resources.of(Loyalty).terms()
    before = None if cursor is None else read_cursor(cursor, int)[0]
    async with posting(resources) as (connection, now_us):
        if before is None:
            await settle(connection, terms, [customer_id], now_us)
        members = (await read_members(connection, [customer_id]))[customer_id]
        rows = await list_entries(connection, members, before, limit + 1)
    if not rows and before is None:
        await _check_known(resources, customer_id)
    page = rows[:limit]
    more = write_cursor(page[-1].entry_id) if len(rows) > limit else None
    return {"entries": [render_entry(row) for row in page], "next_cursor": more}


async def _check_known(resources: Resources, customer_id: str) -> None:
    """Raises UnknownCustomer."""
    async with resources.patience():
        if await resources.of(Customers).reader.submit(customer_id) is None:
            raise UnknownCustomer("There is no event of this customer.")
