"""`POST /v1/events` and `POST /v1/checkouts`."""

import time
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ValidationError

from app.checkout.ledger import Submission
from app.decisions.schemas import DecisionOut, DecisionWish
from app.foundation.errors import Problem, TooLarge, malformed
from app.http.routes import (
    HotRequest,
    HotRoute,
    json_body,
    language_of,
    read_body,
    requires,
    schema_of,
)
from app.http.strict_json import check_texts, read_json
from app.ingest.admission import Rejection, admit_or_reject
from app.ingest.receipts import (
    render_receipt,
    render_result,
    submission_of,
    tell,
)
from app.ingest.schemas import EventIn, ReceiptOut, ResultOut
from app.lifecycle.events import Event
from app.runtime.resources import Resources
from app.scores.schemas import ScoreOut

MAX_EVENTS = 1000
STATUSES = ("accepted", "duplicate", "rejected")

router = APIRouter(prefix="/v1", tags=["events"], route_class=HotRoute)


class CheckoutIn(DecisionWish):
    """A till's event, and the wish for a decision."""

    event: EventIn


class CheckoutOut(BaseModel):
    """What became of the event, the score and the decision. A repeat is answered as the first time."""

    event: ResultOut
    score: ScoreOut
    decision: DecisionOut


class _CheckoutEnvelope(DecisionWish):
    event: Any


@router.post(
    "/events",
    dependencies=[requires("ingest")],
    response_model=ReceiptOut,
    summary="Count one event or up to 1,000",
    openapi_extra=json_body(
        {
            "anyOf": [
                schema_of(EventIn),
                {"type": "array", "items": schema_of(EventIn), "maxItems": MAX_EVENTS},
            ]
        }
    ),
)
async def post_events(request: HotRequest) -> bytes:
    """Answers, event by event and in the order sent, `accepted`, `duplicate` or `rejected`.

    A single event that is refused is answered with its problem (409, 422). Refused events are kept.
    """
    resources = request.resources
    raw = read_json(await read_body(request))
    is_single = not isinstance(raw, list)
    raws = [raw] if is_single else raw
    if len(raws) > MAX_EVENTS:
        raise TooLarge(f"A batch has at most {MAX_EVENTS} events.")
    admitted = _admit_all(raws, resources)
    submission = submission_of(admitted)
    entry = await resources.gatherer_of(submission, is_single=is_single).submit(submission)
    results = tell(admitted, entry.statuses, "This source and id came before with other content.")
    if is_single and isinstance(results[0], Problem):
        raise results[0]
    return orjson.dumps(render_receipt([render_result(result) for result in results], STATUSES))


def _admit_all(raws: list[Any], resources: Resources, within: tuple[str, ...] = ()) -> list[Event | Rejection]:
    """Each event, or why it is refused. `within` is where they stand in the body, for pointers."""
    now_us = time.time_ns() // 1000
    return [admit_or_reject(raw, resources.rules, now_us, within) for raw in raws]


@router.post(
    "/checkouts",
    dependencies=[requires("ingest"), requires("decide")],
    response_model=CheckoutOut,
    summary="Count a till's event, and score and decide in the same round trip",
    openapi_extra=json_body(schema_of(CheckoutIn)),
)
async def post_checkout(request: HotRequest) -> bytes:
    """The event is counted once however often it is sent; a repeat gets its first score and decision again.

    Without a model the answer comes from rules and says `degraded`.
    """
    resources, began_us = request.resources, time.time_ns() // 1000
    try:
        checkout = _CheckoutEnvelope.model_validate(read_json(await read_body(request)))
        check_texts(checkout.context, orjson.dumps(checkout.context), ("context",))
    except ValidationError as error:
        raise malformed(error) from None
    (event,) = _admit_all([checkout.event], resources, ("event",))
    if isinstance(event, Rejection):
        await resources.till("").submit(Submission((), (event,)))
        raise event.problem
    submission = Submission((event,), (), checkout, language_of(request), checkout.due_us(began_us))
    entry = await resources.till(event.customer_id).submit(submission)
    assert entry.answer is not None
    return b'{"event":{"status":"%b"},%b' % (entry.statuses[0].encode(), entry.answer[1:])
