"""`GET /v1/audit` and `GET /v1/audit/chain`."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from app.audit.acts import Act
from app.audit.chain import Row
from app.audit.queries import read_latest, read_tip
from app.audit.reading import Wanted, read_rows
from app.audit.recorder import Recorder
from app.audit.rendering import render_row
from app.audit.schemas import AuditChainOut, AuditPageOut
from app.audit.verification import Verdict
from app.database.background import cut
from app.database.engine import transaction
from app.database.long_work import LongWork
from app.foundation.errors import violation
from app.foundation.times import iso, to_us
from app.http.auditing import name_customers
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.http.strict_json import is_plain_text
from app.http.times import Time
from app.ingest.pseudonyms import ask_for

MOST_VERIFIED: Final = 20_000
MOST_FINDINGS: Final = 100
AT_ONCE: Final = 500

router = APIRouter(prefix="/v1", tags=["privacy"])


@router.get(
    "/audit",
    dependencies=[requires("admin")],
    response_model=AuditPageOut,
    summary="Who read, changed, exported and erased whom",
)
async def get_audit(
    request: Request,
    customer_id: Annotated[str | None, Query(min_length=1, max_length=256)] = None,
    made_by: Annotated[str | None, Query(min_length=1, max_length=256)] = None,
    act: Act | None = None,
    since: Time | None = None,
    until: Time | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The latest first, paged; of all ids of a person as long as they are known, then of the id that is named."""
    resources: Resources = request.app.state.resources
    for name, given in (("customer_id", customer_id), ("made_by", made_by)):
        if given is not None and not is_plain_text(given):
            raise violation((name,), "No control characters, please.")
    if customer_id is not None:
        customer_id = ask_for(customer_id, resources.of(Recorder).rules)
        name_customers(request.scope, (customer_id,))
    since_us, until_us = (None if each is None else to_us(each) for each in (since, until))
    before = None if cursor is None else read_cursor(cursor, int)
    wanted = Wanted(customer_id, made_by, act, since_us, until_us)
    async with transaction(resources.surveys) as connection:
        chain = resources.of(Recorder).chain
        rows = await read_rows(connection, chain, wanted, None if before is None else before[0], limit + 1)
        tip = await read_tip(connection)
    page = rows[:limit]
    return {
        "tip": str(tip),
        "rows": [render_row(row) for row in page],
        "next_cursor": write_cursor(page[-1].seq) if len(rows) > limit else None,
    }


@router.get(
    "/audit/chain",
    dependencies=[requires("admin")],
    response_model=AuditChainOut,
    summary="Whether the latest rows of the audit are as they were written",
)
async def get_chain(request: Request, rows: Annotated[int, Query(ge=1, le=MOST_VERIFIED)] = 2_000) -> dict[str, Any]:
    """Each row's seal and its place behind the one before, of so many of the latest; `perennial audit verify` looks at
    all of them."""
    resources: Resources = request.app.state.resources
    verdict = Verdict(resources.of(Recorder).chain, is_whole=False)
    async with transaction(resources.surveys) as connection:
        latest = await read_latest(connection, rows)
        tip = await read_tip(connection)
    findings = [finding async for finding in verdict.look(_in_turns(latest, resources.long_work))]
    return {
        "tip": str(tip),
        "rows": verdict.rows,
        "first": verdict.first and verdict.first.seq,
        "last": latest[-1].seq if latest else None,
        "last_at": iso(latest[-1].entry.at_us) if latest else None,
        "is_sound": not findings,
        "findings": [finding._asdict() for finding in findings[:MOST_FINDINGS]],
    }


async def _in_turns(rows: Sequence[Row], long_work: LongWork) -> AsyncIterator[Row]:
    """A row takes some ten microseconds to be judged, which others are not to wait for."""
    for piece in cut(rows, AT_ONCE):
        async with long_work.turn():
            for row in piece:
                yield row
