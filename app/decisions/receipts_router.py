"""`GET /v1/decisions`, `GET /v1/decisions/{id}` and `GET /v1/customers/{id}/decisions`."""

import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from app.customers.service import read_customer_id
from app.database.engine import transaction
from app.decisions.actions_of_then import tell_actions
from app.decisions.receipt_queries import list_decisions, read_decision
from app.decisions.receipt_schemas import DecisionReceiptOut, DecisionReceiptPageOut
from app.foundation.errors import NotFound
from app.foundation.times import iso
from app.http.auditing import name_customers
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import requires
from app.http.strict_json import is_plain_text
from app.http.times import Moment, read_moment
from app.ingest.intake import Intake
from app.lifecycle.funnels import funnel_in

router = APIRouter(prefix="/v1", tags=["decisions"], dependencies=[requires("read")])


@router.get("/decisions", response_model=DecisionReceiptPageOut, summary="Receipts of decisions by time")
async def get_decisions(
    request: Request, since: Moment, until: Moment | None = None, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """Newest first, paged; those made in `[since, until)`."""
    told = await _list(request.app.state.resources, None, since, until, limit, cursor)
    name_customers(request.scope, (each["customer_id"] for each in told["decisions"]))
    return told


@router.get("/decisions/{decision_id}", response_model=DecisionReceiptOut, summary="The receipt of a decision")
async def get_decision(request: Request, decision_id: str) -> dict[str, Any]:
    """Enough to make the decision again."""
    resources: Resources = request.app.state.resources
    if is_plain_text(decision_id):
        async with transaction(resources.engine) as connection:
            row = await read_decision(connection, decision_id)
            told = [] if row is None else await tell_actions(connection, [row.receipt])
        if row is not None:
            name_customers(request.scope, (row.customer_id,))
            return _render(row, told[0])
    raise NotFound("There is no such decision.")


@router.get(
    "/customers/{customer_id:path}/decisions",
    response_model=DecisionReceiptPageOut,
    summary="Receipts of a customer's decisions",
)
async def get_decisions_of(
    request: Request,
    customer_id: str,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first, paged; under all ids of the person. None of somebody there were no decisions for."""
    return await _list(
        request.app.state.resources,
        read_customer_id(customer_id, request.app.state.resources.of(Intake).rules),
        since,
        until,
        limit,
        cursor,
    )


async def _list(
    resources: Resources, customer_id: str | None, since: str | None, until: str | None, limit: int, cursor: str | None
) -> dict[str, Any]:
    now_us = time.time_ns() // 1000
    before: Sequence[Any] | None = None if cursor is None else read_cursor(cursor, int, str)
    async with transaction(resources.engine) as connection:
        rows = await list_decisions(
            connection,
            customer_id=customer_id,
            since_us=0 if since is None else read_moment(since, "since", now_us),
            until_us=None if until is None else read_moment(until, "until", now_us),
            before=None if before is None else (before[0], before[1]),
            limit=limit + 1,
        )
        page = rows[:limit]
        told = await tell_actions(connection, [row.receipt for row in page])
    last = page[-1] if len(rows) > limit else None
    return {
        "decisions": [_render(row, actions) for row, actions in zip(page, told, strict=True)],
        "next_cursor": None if last is None else write_cursor(last.decided_us, last.decision_id),
    }


def _render(row: Any, actions: dict[str, Any]) -> dict[str, Any]:
    is_at_once = row.activated_us is None and row.reserved_until_us is None
    shown_us = row.decided_us if is_at_once else row.activated_us
    return {
        "decision_id": row.decision_id,
        "customer_id": row.customer_id,
        "decided_at": iso(row.decided_us),
        "activated_at": iso(shown_us) if shown_us else None,
        "reserved_until": None if row.reserved_until_us is None else iso(row.reserved_until_us),
        "funnel": funnel_in(row.receipt)._asdict(),
        "receipt": row.receipt,
        "answer": row.answer,
        **actions,
    }
