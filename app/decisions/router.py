"""`POST /v1/decisions`."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from functools import partial

import orjson
from fastapi import APIRouter

from app.customers.held import Customers
from app.customers.state import CustomerState
from app.decisions.carrying import carry_items, find_carrying, may_carry
from app.decisions.deadlines import Deadline, deadline_of
from app.decisions.held import Decisions
from app.decisions.keeping import keep_decision
from app.decisions.schemas import DecisionIn, DecisionOut
from app.decisions.service import Decision, customer_context, decide, options_of, undecided
from app.decisions.settling import draft_of
from app.foundation.metrics import count_unkept
from app.http.auditing import name_customers
from app.http.resources import Resources
from app.http.routes import (
    HotRequest,
    HotRoute,
    json_body,
    language_of,
    read_model,
    requires,
    schema_of,
)
from app.ingest.intake import Intake
from app.ingest.pseudonyms import ask_for
from app.scores.service import score_states

router = APIRouter(prefix="/v1", tags=["decisions"], route_class=HotRoute)


@router.post(
    "/decisions",
    dependencies=[requires("decide")],
    response_model=DecisionOut,
    summary="The next best actions for a customer",
    openapi_extra=json_body(schema_of(DecisionIn)),
)
async def post_decision(request: HotRequest) -> bytes:
    """Chooses by expected value among the eligible actions and writes the receipt.

    A customer there is nothing of is answered as a prospect. Of one who was erased nothing is decided, nor kept.
    """
    began_s = time.monotonic()
    wanted = await read_model(request, DecisionIn)
    wanted.customer_id = ask_for(wanted.customer_id, request.resources.of(Intake).rules)
    name_customers(request.scope, (wanted.customer_id,))
    settings = request.resources.settings
    deadline = None if wanted.deadline_ms is None else deadline_of(wanted.deadline_ms, began_s, settings)
    async with request.resources.patience():
        state = await _read_in_time(request.resources, wanted.customer_id, deadline)
        if state is not None and not state.is_erased:
            answer = await _decide(request, wanted, state, deadline)
            return await _carry_items(request.resources, answer, deadline) if may_carry(answer) else answer
    count_unkept(1)
    return orjson.dumps(undecided(secrets.token_hex(16), wanted.customer_id))


async def _read_in_time(resources: Resources, customer_id: str, deadline: Deadline | None) -> CustomerState | None:
    """The customer's state; None: it did not come while there was time to keep a decision."""
    customers = resources.of(Customers)
    try:
        async with asyncio.timeout_at(None if deadline is None else deadline.receipt_s) as timeout:
            return await customers.read_or_meet(customer_id)
    except TimeoutError:
        if not timeout.expired():
            raise
        return None


async def _decide(request: HotRequest, wanted: DecisionIn, state: CustomerState, deadline: Deadline | None) -> bytes:
    """The answer, of a decision that is kept; else of none."""
    now_us, deciding = time.time_ns() // 1000, request.resources.of(Decisions).deciding()
    (score,) = score_states([state], now_us, deciding.scoring)
    asked = options_of(wanted, None if deadline is None else deadline.lateness(time.monotonic()))
    customer = customer_context(score, deciding, state.offered_us(), asked, wanted.time_zone)
    carrying = find_carrying(deciding.choosing, customer, asked, now_us)
    customer = customer._replace(
        lacking=await _find_lacking(request.resources, customer.customer_id, carrying, deadline)
    )
    choose = partial(
        decide, secrets.token_hex(16), customer, wanted, deciding, now_us=now_us, language=language_of(request)
    )
    lateness = None if deadline is None else deadline.lateness(time.monotonic())
    draft = draft_of(customer, wanted, now_us, lambda known: choose(lateness=lateness, known=known), _render)
    answer = await keep_decision(request.resources.of(Decisions).receipts, draft, deadline)
    if answer is not None:
        return answer
    count_unkept(1)
    return orjson.dumps(choose(lateness="no_receipt").answer)


def _render(decision: Decision) -> bytes:
    return orjson.dumps(decision.answer)


async def _find_lacking(
    resources: Resources, customer_id: str, action_ids: Sequence[str], deadline: Deadline | None
) -> frozenset[str]:
    """Those of these actions that have no items; none where there is no time to look."""
    find_lacking = resources.of(Decisions).find_lacking
    if find_lacking is None or not action_ids:
        return frozenset()
    due_s = (deadline or deadline_of(None, time.monotonic(), resources.settings)).due_s
    return await find_lacking(customer_id, action_ids, due_s)


async def _carry_items(resources: Resources, answer: bytes, deadline: Deadline | None) -> bytes:
    """The answer with the items of its actions, which its receipt need not wait for."""
    suggest = resources.of(Decisions).suggest
    if suggest is None:
        return answer
    due_s = (deadline or deadline_of(None, time.monotonic(), resources.settings)).due_s
    decision = orjson.loads(answer)
    await carry_items(suggest, decision, time.time_ns() // 1000, due_s)
    return orjson.dumps(decision)
