"""`POST /v1/decisions/{id}/deliver`."""

import time
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.customers.held import Customers
from app.database.engine import transaction
from app.decisions.delivering import Delivery, clear, recall_decided
from app.decisions.held import Decisions
from app.decisions.knowing import read_tact
from app.decisions.receipt_queries import read_decision
from app.foundation.errors import NotFound
from app.foundation.times import iso
from app.http.auditing import name_customers
from app.http.routes import HotRequest, HotRoute, has_body, json_body, read_model, requires, schema_of
from app.http.strict_json import is_plain_text
from app.lifecycle.actions import ActionId
from app.lifecycle.contact_policy import TimeZone

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], route_class=HotRoute)


class DeliverIn(BaseModel):
    """Which of the actions; not told: all. `time_zone` is the customer's, where it is known better by now."""

    model_config = ConfigDict(extra="forbid", strict=True)

    action_ids: Annotated[list[ActionId], Field(max_length=10)] | None = None
    time_zone: TimeZone | None = None


class DeliveryOut(BaseModel):
    """`code` tells why not; `not_before` that it may be then, since it only has to wait."""

    action_id: str
    may_deliver: bool
    code: str | None
    not_before: str | None


class DeliverOut(BaseModel):
    decision_id: str
    customer_id: str
    actions: list[DeliveryOut]


@router.post(
    "/{decision_id}/deliver",
    dependencies=[requires("decide")],
    response_model=DeliverOut,
    summary="Ask whether what was decided may be delivered now",
    openapi_extra=json_body(schema_of(DeliverIn), required=False),
)
async def post_deliver(request: HotRequest, decision_id: str) -> bytes:
    """By what is known of the customer now. What may not be delivered is given back, unless it only has to wait.

    Tell of what was sent by an event `action.delivered`.
    """
    resources, now_us = request.resources, time.time_ns() // 1000
    wanted = await read_model(request, DeliverIn) if has_body(request) else DeliverIn()
    held = resources.of(Decisions)
    async with resources.patience():
        async with transaction(resources.engine) as connection:
            row = await read_decision(connection, decision_id) if is_plain_text(decision_id) else None
        if row is None:
            raise NotFound("There is no such decision.")
        name_customers(request.scope, (row.customer_id,))
        state = await resources.of(Customers).read_or_meet(row.customer_id)
        zone = wanted.time_zone or row.receipt["customer"].get("time_zone") or held.book.rules.zone
        facts = read_tact(state, now_us, ZoneInfo(zone))
        decided = recall_decided(row, state, held.catalogue.by_id, wanted.time_zone, facts)
        async with transaction(resources.engine) as connection:
            told = await clear(connection, decided, wanted.action_ids, held.book, now_us)
    answer = {"decision_id": decision_id, "customer_id": row.customer_id, "actions": [_render(each) for each in told]}
    return orjson.dumps(answer)


def _render(told: Delivery) -> dict[str, object]:
    until_us = told.not_before_us
    return {
        "action_id": told.action_id,
        "may_deliver": told.code is None,
        "code": told.code,
        "not_before": None if until_us is None else iso(until_us),
    }
