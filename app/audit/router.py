"""`GET /v1/audit`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.audit.acts import Act
from app.audit.queries import read_tip
from app.audit.reading import Wanted, read_rows
from app.audit.recorder import Recorder
from app.audit.rendering import render_row
from app.audit.schemas import AuditPageOut
from app.database.engine import transaction
from app.foundation.errors import violation
from app.foundation.times import to_us
from app.http.auditing import name_customers
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.http.strict_json import is_plain_text
from app.http.times import Time
from app.ingest.pseudonyms import ask_for

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
