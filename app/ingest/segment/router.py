"""`POST /v1/segment`: messages of Segment and RudderStack as events."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from app.foundation.errors import (
    Malformed,
    NotFound,
    Problem,
    TooLarge,
    violation,
)
from app.foundation.metrics import count_segment
from app.foundation.times import received_now_us
from app.http.auditing import name_customers
from app.http.auth import write_bearer
from app.http.routes import (
    HotRequest,
    HotRoute,
    json_body,
    read_body,
    requires,
    schema_of,
)
from app.http.strict_json import read_json
from app.ingest import router as events
from app.ingest.intake import Intake
from app.ingest.receipts import (
    list_results,
    render_receipt,
    render_result,
    submission_of,
)
from app.ingest.segment.admission import Outcome, admit_message
from app.ingest.segment.mapping import CALLS, Ignored
from app.ingest.segment.schemas import SegmentBatchIn, SegmentMessageIn, SegmentReceiptOut
from app.lifecycle.mending import Warned

SOURCE: Final = "/segment"
BATCH_CALLS: Final = ("batch", "import")
STATUSES: Final = (*events.STATUSES, "ignored")
_SOURCE_NAME: Final = re.compile(r"^[\x20-\x2e\x30-\x7e]{1,100}$")


class BasicKeyRoute(HotRoute):
    """Takes the API key as the user name of HTTP Basic too, which is how Segment's libraries send a write key."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        inner = self.app

        async def serve(scope: ASGIScope, receive: Receive, send: Send) -> None:
            headers = [
                (name, write_bearer(value) if name == b"authorization" else value) for name, value in scope["headers"]
            ]
            scope["headers"] = headers  # of this very call, so that what is left of its key stands in its answer
            await inner(scope, receive, send)

        self.app = serve


router = APIRouter(prefix="/v1", tags=["events"], route_class=BasicKeyRoute)


_CONTRACT: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "source",
            "in": "query",
            "required": False,
            "description": "Tells shops apart whose message ids may be the same: the events' source is then "
            "`/segment/<source>`.",
            "schema": {"type": "string", "maxLength": 100, "pattern": _SOURCE_NAME.pattern},
        }
    ],
    **json_body({"anyOf": [schema_of(SegmentMessageIn), schema_of(SegmentBatchIn)]}),
}


@router.post(
    "/segment",
    dependencies=[requires("ingest")],
    response_model=SegmentReceiptOut,
    summary="Count a message of Segment or RudderStack, or a batch of up to 1,000",
    openapi_extra=_CONTRACT,
)
async def post_segment(request: HotRequest) -> bytes:
    """Answers, message by message and in the order sent, `accepted`, `duplicate`, `rejected` or `ignored`.

    A single message that is refused is answered with its problem (409, 422). The events of refused
    messages are kept; pointers of problems lead into them.
    """
    return await _count(request, read_json(await read_body(request)))


@router.post(
    "/segment/v1/{call}",
    dependencies=[requires("ingest")],
    response_model=SegmentReceiptOut,
    summary="The same, at the paths that Segment's and RudderStack's libraries append to their host",
    openapi_extra=_CONTRACT,
)
async def post_call(request: HotRequest, call: str) -> bytes:
    """`call` is `batch`, `import` or the type of a message, which the message then need not name."""
    if call not in (*BATCH_CALLS, *CALLS):
        raise NotFound("There is no such call.")
    body = read_json(await read_body(request))
    if call in CALLS and isinstance(body, dict) and "batch" not in body:
        body = {"type": call, **body}
    return await _count(request, body)


@router.post(
    "/batch",
    dependencies=[requires("ingest")],
    response_model=SegmentReceiptOut,
    summary="The same, for libraries that leave out the path of their host",
    openapi_extra=_CONTRACT,
)
async def post_batch(request: HotRequest) -> bytes:
    """Segment's library for Node appends its path to the name of the host alone."""
    return await _count(request, read_json(await read_body(request)))


async def _count(request: HotRequest, body: Any) -> bytes:
    source = _read_source(request.query_params.get("source"))
    messages, is_single = _messages(body)
    rules, now_us = request.resources.of(Intake).rules, received_now_us()
    both = [admit_message(message, source, rules, now_us) for message in messages]
    results = await _enter([outcome for outcome, _ in both], request, is_single)
    count_segment(results)
    if is_single and isinstance(results[0], Problem):
        raise results[0]
    rendered = [_render(result, warnings) for result, (_, warnings) in zip(results, both, strict=True)]
    return orjson.dumps(render_receipt(rendered, STATUSES))


def _read_source(name: str | None) -> str:
    if name is None:
        return SOURCE
    if not _SOURCE_NAME.fullmatch(name):
        raise violation(("source",), "Give 1 to 100 characters of printable ASCII without a slash.")
    return f"{SOURCE}/{name}"


def _messages(body: Any) -> tuple[list[Any], bool]:
    """The messages, and whether it is one by itself."""
    if not isinstance(body, dict):
        raise Malformed('Send a message, or several as {"batch": […]}.')
    if "batch" not in body:
        return [body], True
    messages = body["batch"]
    if not isinstance(messages, list):
        raise violation(("batch",), "Input should be an array.")
    if len(messages) > events.MAX_EVENTS:
        raise TooLarge(f"A batch has at most {events.MAX_EVENTS} messages.")
    return [_with_times(message, body) for message in messages], False


def _with_times(message: Any, batch: Mapping[str, Any]) -> Any:
    """A message with the batch's time of sending, where only the batch says it."""
    told = {name: batch[name] for name in ("sentAt", "receivedAt") if name in batch}
    return {**told, **message} if told and isinstance(message, dict) else message


async def _enter(outcomes: list[Outcome], request: HotRequest, is_single: bool) -> list[str | Problem | Ignored]:
    """Counts the events and keeps the refusals; what became of each message."""
    submission = submission_of(outcomes)
    name_customers(request.scope, (event.customer_id for event in submission.events))
    statuses: Sequence[str] = ()
    if submission.events or submission.rejections:
        entry = await request.resources.of(Intake).enter(submission, is_single=is_single)
        statuses = entry.statuses
    return list_results(outcomes, statuses, "This messageId came before with other content.")


def _render(result: str | Problem | Ignored, warnings: Sequence[Warned]) -> dict[str, Any]:
    if isinstance(result, Ignored):
        return {"status": "ignored", "reason": result.reason}
    return render_result(result, warnings)
