"""`POST /v1/events`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter

from app.foundation.errors import Malformed, Problem, TooLarge
from app.foundation.times import received_now_us
from app.http.auditing import name_customers
from app.http.routes import (
    HotRequest,
    HotRoute,
    json_body,
    read_bytes,
    read_value,
    requires,
    schema_of,
)
from app.ingest.admission import admit_with_warnings
from app.ingest.base64_data import has_bytes, read_bytes_as_data, without_bytes
from app.ingest.binary_mode import find_missing, is_binary, read_binary
from app.ingest.intake import EVENTS_GIVING_WAY, Intake
from app.ingest.receipts import (
    list_results,
    render_receipt,
    render_result,
    submission_of,
)
from app.ingest.refusals import Rejection, refuse
from app.ingest.rules import Rules
from app.ingest.schemas import EventIn, ReceiptOut
from app.lifecycle.events import Event
from app.lifecycle.mending import Warned

MAX_EVENTS = 1000
STATUSES = ("accepted", "duplicate", "rejected")

router = APIRouter(prefix="/v1", tags=["events"], route_class=HotRoute)


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
    """Answers, event by event and in the order sent, `accepted`, `duplicate` or `rejected`; with `warnings` where an
    optional detail was mended or left out. A single event may be in binary mode: its attributes as `ce-` headers.

    A single event that is refused is answered with its problem (409, 422). Refused events are kept.
    """
    intake = request.resources.of(Intake)
    (admitted, warnings), is_single = await _admit_body(request, intake)
    submission = submission_of(admitted)
    name_customers(request.scope, (event.customer_id for event in submission.events))
    entry = await intake.enter(submission, is_single=is_single)
    results = list_results(admitted, entry.statuses, "This source and id came before with other content.")
    if is_single and isinstance(results[0], Problem):
        raise results[0]
    return orjson.dumps(render_receipt(list(map(render_result, results, warnings)), STATUSES))


_Both = tuple[Event | Rejection, Sequence[Warned]]
_Admitted = tuple[list[Event | Rejection], list[Sequence[Warned]]]


def _apart(both: Sequence[_Both]) -> _Admitted:
    return [admitted for admitted, _ in both], [warnings for _, warnings in both]


async def _admit_body(request: HotRequest, intake: Intake) -> tuple[_Admitted, bool]:
    """What came, admitted, and whether it is one event by itself."""
    rules = intake.rules
    if is_binary(request.fields):
        return _apart(_admit_binary(request, await read_bytes(request), rules)), True
    raw = await read_value(request)
    if not isinstance(raw, list):
        return _apart(_admit_all([raw], rules)), True
    if len(raw) > MAX_EVENTS:
        raise TooLarge(f"A batch has at most {MAX_EVENTS} events.")
    request.begin_long_work(len(raw))
    admit = partial(_admit_all, rules=rules)
    return _apart(await intake.long_work.each(raw, admit, most=EVENTS_GIVING_WAY)), False


def _admit_binary(request: HotRequest, body: bytes, rules: Rules) -> Sequence[_Both]:
    event = read_binary(request.fields, body)
    missing = find_missing(event)
    return _admit_all([event], rules) if missing is None else [(refuse(event, rules, missing), ())]


def _admit_all(raws: Sequence[Any], rules: Rules) -> list[_Both]:
    """Each event, or why it is refused; and what was mended of each."""
    now_us = received_now_us()
    return [
        _admit_bytes(raw, rules, now_us) if has_bytes(raw) else admit_with_warnings(raw, rules, now_us) for raw in raws
    ]


def _admit_bytes(raw: dict[str, Any], rules: Rules, now_us: int) -> _Both:
    try:
        return admit_with_warnings(read_bytes_as_data(raw), rules, now_us)
    except Malformed as problem:
        return refuse(without_bytes(raw), rules, problem), ()
