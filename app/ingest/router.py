"""`POST /v1/events`."""

import time
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter

from app.foundation.errors import Malformed, Problem, TooLarge
from app.http.routes import (
    HotRequest,
    HotRoute,
    json_body,
    read_body,
    read_bytes,
    requires,
    schema_of,
)
from app.http.strict_json import read_json
from app.ingest.admission import Rejection, Rules, admit_with_warnings, refuse
from app.ingest.base64_data import has_bytes, read_bytes_as_data, without_bytes
from app.ingest.binary_mode import find_missing, is_binary, read_binary
from app.ingest.intake import Intake
from app.ingest.receipts import (
    list_results,
    render_receipt,
    render_result,
    submission_of,
)
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
    (admitted, warnings), is_single = await _admit_body(request, intake.rules)
    submission = submission_of(admitted)
    entry = await intake.of_submission(submission, is_single=is_single).submit(submission)
    results = list_results(admitted, entry.statuses, "This source and id came before with other content.")
    if is_single and isinstance(results[0], Problem):
        raise results[0]
    return orjson.dumps(render_receipt(list(map(render_result, results, warnings)), STATUSES))


_Admitted = tuple[list[Event | Rejection], list[Sequence[Warned]]]


async def _admit_body(request: HotRequest, rules: Rules) -> tuple[_Admitted, bool]:
    """What came, admitted, and whether it is one event by itself."""
    if is_binary(request.fields):
        return _admit_binary(request, await read_bytes(request), rules), True
    raw = read_json(await read_body(request))
    if not isinstance(raw, list):
        return _admit_all([raw], rules), True
    if len(raw) > MAX_EVENTS:
        raise TooLarge(f"A batch has at most {MAX_EVENTS} events.")
    return _admit_all(raw, rules), False


def _admit_binary(request: HotRequest, body: bytes, rules: Rules) -> _Admitted:
    event = read_binary(request.fields, body)
    missing = find_missing(event)
    return _admit_all([event], rules) if missing is None else ([refuse(event, rules, missing)], [()])


def _admit_all(raws: list[Any], rules: Rules) -> _Admitted:
    """Each event, or why it is refused; and what was mended of each."""
    now_us = time.time_ns() // 1000
    both = [
        _admit_bytes(raw, rules, now_us) if has_bytes(raw) else admit_with_warnings(raw, rules, now_us) for raw in raws
    ]
    return [admitted for admitted, _ in both], [warnings for _, warnings in both]


def _admit_bytes(raw: dict[str, Any], rules: Rules, now_us: int) -> tuple[Event | Rejection, Sequence[Warned]]:
    try:
        return admit_with_warnings(read_bytes_as_data(raw), rules, now_us)
    except Malformed as problem:
        return refuse(without_bytes(raw), rules, problem), ()
