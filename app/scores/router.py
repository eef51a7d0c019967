"""`GET /v1/customers/{id}/score` and `POST /v1/scores:batch`."""

import time
from typing import Any, Final

import orjson
from fastapi import APIRouter

from app.customers.as_known import Known
from app.customers.held import Customers
from app.customers.service import read_customer_id, read_past_states
from app.customers.state import CustomerState
from app.foundation.errors import NotKept, UnknownCustomer
from app.foundation.times import iso
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
from app.http.times import MOMENT_SCHEMA, check_past, read_moment
from app.ingest.intake import Intake
from app.ingest.pseudonyms import ask_for
from app.scores.held import Scores
from app.scores.rendering import render_score
from app.scores.schemas import ScoreBatchIn, ScoreBatchOut, ScoreOut
from app.scores.service import score_states

GIVING_WAY: Final = 32
MOST_IN_TURN: Final = 250
"""Of a batch read and scored in one turn, while somebody waits for an answer at once and while nobody does."""
PAST_UNITS: Final = 10
"""What a customer at a past time costs of what a key may ask for."""

router = APIRouter(prefix="/v1", tags=["scores"], route_class=HotRoute)


@router.get(
    "/customers/{customer_id:path}/score",
    dependencies=[requires("read")],
    response_model=ScoreOut,
    summary="Stage, churn risk and reasons",
    openapi_extra={
        "parameters": [
            {
                "name": "as_of",
                "in": "query",
                "required": False,
                "description": "Answered from the events before it.",
                "schema": MOMENT_SCHEMA,
            },
            {
                "name": "known_at",
                "in": "query",
                "required": False,
                "description": "Answered from the events received up to it.",
                "schema": MOMENT_SCHEMA,
            },
        ]
    },
)
async def get_score(request: HotRequest, customer_id: str) -> bytes:
    """The score now, or at any past time."""
    resources = request.resources
    customer_id = read_customer_id(customer_id, request.resources.of(Intake).rules)
    now_us = time.time_ns() // 1000
    as_of_us, known_us = _read_times(request, now_us)
    if as_of_us is not None:
        request.begin_long_work(PAST_UNITS - 1)
    state = await _read_state(resources, customer_id, as_of_us, known_us)
    if state is None:
        raise UnknownCustomer("There is no event of this customer before that time.")
    scoring = resources.of(Scores).scoring()
    (score,) = score_states([state], now_us if as_of_us is None else as_of_us, scoring)
    return orjson.dumps(render_score(score, scoring, language_of(request)))


def _read_times(request: HotRequest, now_us: int) -> tuple[int | None, int | None]:
    """`as_of` and `known_at`; None: now. What was known by a time is asked of that time, or of `as_of`."""
    if not request.scope["query_string"]:
        return None, None
    as_of, known_at = (request.query_params.get(name) for name in ("as_of", "known_at"))
    known_us = None if known_at is None else read_moment(known_at, "known_at", now_us)
    if as_of is None:
        return known_us, known_us
    return read_moment(as_of, "as_of", now_us), known_us


async def _read_state(
    resources: Resources, customer_id: str, as_of_us: int | None, known_us: int | None
) -> CustomerState | None:
    if as_of_us is None:
        return await resources.of(Customers).reader.submit(customer_id)
    known = None if known_us is None else Known(known_us, resources.settings.digits)
    async with resources.long_work.turn(), resources.patience():
        states, known_from = await read_past_states(resources.engine, [customer_id], as_of_us, known)
    if customer_id in known_from:
        from_at = iso(known_from[customer_id])
        raise NotKept("What this customer did before has been summed up.", known_from=from_at)
    return states.get(customer_id)


@router.post(
    "/scores:batch",
    dependencies=[requires("read")],
    response_model=ScoreBatchOut,
    summary="Scores of up to 1,000 customers",
    openapi_extra=json_body(schema_of(ScoreBatchIn)),
)
async def post_score_batch(request: HotRequest) -> bytes:
    """Scores now, or at any past time, in the order asked for and by the ids asked for; made in slices, between which
    others are served."""
    resources = request.resources
    wanted = await read_model(request, ScoreBatchIn)
    now_us = time.time_ns() // 1000
    as_of_us = now_us if wanted.as_of is None else check_past(wanted.as_of, "as_of", now_us)
    asked_by: dict[str, str] = {}
    for each in wanted.customer_ids:
        asked_by.setdefault(ask_for(each, resources.of(Intake).rules), each)
    customer_ids, language = list(asked_by), language_of(request)
    name_customers(request.scope, customer_ids)
    request.begin_long_work(len(customer_ids) * (1 if wanted.as_of is None else PAST_UNITS))
    scoring = resources.of(Scores).scoring()
    told, unknown, not_kept = list[dict[str, Any]](), list[str](), list[str]()
    while customer_ids:
        size = GIVING_WAY if wanted.as_of is not None or resources.long_work.gives_way else MOST_IN_TURN
        asked, customer_ids = customer_ids[:size], customer_ids[size:]
        async with resources.long_work.turn():
            async with resources.patience():
                past_us = None if wanted.as_of is None else as_of_us
                states, known_from = await read_past_states(resources.engine, asked, past_us)
            known = [states[customer_id] for customer_id in asked if customer_id in states]
            for score in score_states(known, as_of_us, scoring):
                rendered = render_score(score, scoring, language)
                told.append({**rendered, "customer_id": asked_by[rendered["customer_id"]]})
        not_kept += [asked_by[each] for each in asked if each in known_from]
        unknown += [asked_by[each] for each in asked if each not in states and each not in known_from]
    return orjson.dumps({"scores": told, "unknown": unknown, "not_kept": not_kept})
