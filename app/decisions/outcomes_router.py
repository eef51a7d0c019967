"""`POST /v1/outcomes` and `POST /v1/decisions/{id}/activate`."""

import time
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError

from app.database.engine import transaction
from app.decisions.activating import activate_decision
from app.decisions.held import Decisions
from app.decisions.outcome_schemas import ActivationOut, OutcomeIn, OutcomesOut
from app.decisions.outcomes import Times, Told, find_event, keep_outcomes, render_outcomes
from app.foundation.errors import NotFound, Problem, TooLarge, malformed
from app.foundation.times import iso
from app.http.auditing import name_customers
from app.http.routes import HotRequest, HotRoute, json_body, read_body, requires, schema_of
from app.http.strict_json import is_plain_text, read_json
from app.ingest.intake import Intake
from app.lifecycle.events import DAY_US

router = APIRouter(prefix="/v1", tags=["decisions"], route_class=HotRoute)
MOST_OUTCOMES = 1000
_OUTCOME: TypeAdapter[OutcomeIn] = TypeAdapter(OutcomeIn)


@router.post(
    "/outcomes",
    dependencies=[requires("ingest")],
    response_model=OutcomesOut,
    summary="What became of actions: one outcome, or up to 1,000",
    openapi_extra=json_body(
        {"anyOf": [schema_of(OutcomeIn), {"type": "array", "items": schema_of(OutcomeIn), "maxItems": MOST_OUTCOMES}]}
    ),
)
async def post_outcomes(request: HotRequest) -> bytes:
    """Answers, outcome by outcome and in the order sent, `accepted`, `duplicate` or `rejected`.

    A single outcome that is refused is answered with its problem (404, 409, 422).
    """
    raw = read_json(await read_body(request))
    given = raw if isinstance(raw, list) else [raw]
    if len(given) > MOST_OUTCOMES:
        raise TooLarge(f"A batch has at most {MOST_OUTCOMES} outcomes.")
    read = [_read(each) for each in given]
    told = await _find_events(request, read)
    name_customers(request.scope, (each.event.customer_id for each in told if not isinstance(each, Problem)))
    results = await keep_outcomes(request.resources.of(Intake), told)
    if not isinstance(raw, list) and isinstance(results[0], Problem):
        raise results[0]
    return orjson.dumps(render_outcomes(results))


def _read(raw: Any) -> OutcomeIn | Problem:
    try:
        return _OUTCOME.validate_json(orjson.dumps(raw))
    except ValidationError as error:
        return malformed(error)


async def _find_events(request: HotRequest, read: list[OutcomeIn | Problem]) -> list[Told | Problem]:
    settings, rules = request.resources.settings, request.resources.of(Intake).rules
    window_us, wait_us = settings.attribution_days * DAY_US, settings.reward_wait_days * DAY_US
    times = Times(time.time_ns() // 1000, window_us, wait_us)
    async with transaction(request.resources.engine) as connection:
        return [
            each if isinstance(each, Problem) else await find_event(connection, each, rules, times) for each in read
        ]


@router.post(
    "/decisions/{decision_id}/activate",
    dependencies=[requires("decide")],
    response_model=ActivationOut,
    summary="Tell that a prepared decision is shown now",
)
async def post_activation(request: HotRequest, decision_id: str) -> bytes:
    """Told again, or of a decision that was shown at once, it answers when that was."""
    if not is_plain_text(decision_id):
        raise NotFound("There is no such decision.")
    rules = request.resources.of(Decisions).book.rules
    async with transaction(request.resources.engine) as connection:
        activated_us = await activate_decision(connection, decision_id, time.time_ns() // 1000, rules)
    return orjson.dumps({"decision_id": decision_id, "activated_at": iso(activated_us)})
