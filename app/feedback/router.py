"""`GET /v1/customers/{id}/feedback` and `POST /v1/sentiment`."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request

from app.customers.held import Customers
from app.customers.service import read_customer_id
from app.database.engine import transaction
from app.feedback.queries import read_answers
from app.feedback.reading import judge_text, tell_unread
from app.feedback.schemas import AnswerPageOut, SentimentsOut, TextsIn
from app.foundation.errors import UnknownCustomer
from app.foundation.times import iso
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.ingest.intake import Intake
from app.models.held import Models

router = APIRouter(prefix="/v1", tags=["feedback"], dependencies=[requires("read")])
hot_router = APIRouter(prefix="/v1", tags=["feedback"], route_class=HotRoute)
IN_TURN: Final = 8
"""Texts judged before others are served."""
_TOLD: Final = ("source", "id", "customer_id", "metric", "score", "survey", "occasion", "counts", "text")


@router.get(
    "/customers/{customer_id:path}/feedback",
    response_model=AnswerPageOut,
    summary="What a customer answered, and how they feel",
)
async def get_feedback(request: Request, customer_id: str, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
    """Latest first, paged. Texts of who refuses profiling are told, and not judged."""
    resources: Resources = request.app.state.resources
    customer_id = read_customer_id(customer_id, resources.of(Intake).rules)
    before = None if cursor is None else read_cursor(cursor, int, str, str)
    async with resources.patience():
        state = await resources.of(Customers).reader.submit(customer_id)
    if state is None:
        raise UnknownCustomer("There is no event of this customer.")
    async with transaction(resources.engine) as connection:
        rows = await read_answers(connection, customer_id, before, limit + 1)
    page = rows[:limit]
    last = page[-1] if len(rows) > limit else None
    if state.refuses_profiling:
        judged = [tell_unread("no_text" if row.text is None else "refuses_profiling") for row in page]
    else:
        judged = await _judge([row.text for row in page], resources)
    return {
        "customer_id": customer_id,
        "model_version": _version(resources),
        "answers": [
            {"at": iso(row.occurred_us), **{name: getattr(row, name) for name in _TOLD}, "sentiment": sentiment}
            for row, sentiment in zip(page, judged, strict=True)
        ],
        "next_cursor": None if last is None else write_cursor(last.occurred_us, last.source, last.id),
    }


@hot_router.post(
    "/sentiment",
    dependencies=[requires("read")],
    response_model=SentimentsOut,
    summary="How the writers of up to 100 texts feel",
    openapi_extra=json_body(schema_of(TextsIn)),
)
async def post_sentiment(request: HotRequest) -> bytes:
    """Positive, neutral or negative, with the words behind it, in the order of the texts. None is kept."""
    resources = request.resources
    wanted = await read_model(request, TextsIn)
    request.begin_long_work(len(wanted.texts))
    judged = await _judge(wanted.texts, resources)
    return orjson.dumps({"model_version": _version(resources), "sentiments": judged})


async def _judge(texts: Sequence[str | None], resources: Resources) -> list[dict[str, Any]]:
    model = resources.of(Models).sentiment_champion
    return await resources.long_work.each(texts, lambda some: [judge_text(model, text) for text in some], most=IN_TURN)


def _version(resources: Resources) -> str | None:
    model = resources.of(Models).sentiment_champion
    return None if model is None else model.version
