"""`POST /v1/decisions` and the catalogue at `/v1/actions`."""

import secrets
import time

import orjson
from fastapi import APIRouter, Response

from app.customers.held import Customers
from app.customers.queries import read_offered
from app.customers.state import CustomerState, newcomer
from app.database.engine import transaction
from app.decisions import queries
from app.decisions.held import Decisions
from app.decisions.schemas import ActionListOut, DecisionIn, DecisionOut
from app.decisions.service import customer_context, decide
from app.foundation.errors import NotFound, violation
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
from app.http.strict_json import is_plain_text
from app.lifecycle.decisions import Action, ActionCatalogue
from app.scores.service import score_states

router = APIRouter(prefix="/v1", tags=["decisions"], route_class=HotRoute)
actions = APIRouter(prefix="/v1/actions", tags=["actions"], route_class=HotRoute)


@router.post(
    "/decisions",
    dependencies=[requires("decide")],
    response_model=DecisionOut,
    summary="The next best actions for a customer",
    openapi_extra=json_body(schema_of(DecisionIn)),
)
async def post_decision(request: HotRequest) -> bytes:
    """Chooses by expected value among the eligible actions and writes the receipt.

    A customer there is nothing of is answered as a prospect.
    """
    began_us = time.time_ns() // 1000
    wanted = await read_model(request, DecisionIn)
    async with request.resources.patience():
        return await _decide(request, wanted, began_us)


async def _decide(request: HotRequest, wanted: DecisionIn, began_us: int) -> bytes:
    resources = request.resources
    state = await resources.of(Customers).reader.submit(wanted.customer_id) or await _meet(
        resources, wanted.customer_id
    )
    now_us, due_us = time.time_ns() // 1000, wanted.due_us(began_us)
    deciding = resources.of(Decisions).deciding()
    (score,) = score_states([state], now_us, deciding.scoring)
    decision = decide(
        secrets.token_hex(16),
        customer_context(score, deciding, state.offered_us()),
        wanted,
        deciding,
        now_us=now_us,
        language=language_of(request),
        is_late=due_us is not None and now_us > due_us,
    )
    answer = orjson.dumps(decision.answer)
    await resources.of(Decisions).receipts.submit((decision, answer))
    return answer


async def _meet(resources: Resources, customer_id: str) -> CustomerState:
    """The state of someone who has sent no event, with what they were offered before."""
    async with transaction(resources.engine) as connection:
        return newcomer(customer_id, await read_offered(connection, customer_id))


@actions.get("", dependencies=[requires("read")], response_model=ActionListOut, summary="The catalogue of actions")
async def get_actions(request: HotRequest) -> bytes:
    """All actions, in the order of their ids."""
    resources = request.resources
    async with transaction(resources.engine) as connection:
        actions = await queries.read_actions(connection)
    return orjson.dumps({"actions": [action.model_dump(mode="json") for action in actions]})


@actions.put(
    "/{action_id}",
    dependencies=[requires("admin")],
    response_model=Action,
    summary="Add or replace an action",
    openapi_extra=json_body(schema_of(Action)),
)
async def put_action(request: HotRequest, action_id: str) -> bytes:
    """In force at once here, and within seconds in other processes."""
    resources = request.resources
    action = await read_model(request, Action, strict=True)
    if action.action_id != action_id:
        raise violation(("action_id",), "It differs from the one in the path.")
    async with transaction(resources.engine) as connection:
        await queries.put_action(connection, action, time.time_ns() // 1000)
        catalogue = ActionCatalogue(await queries.read_actions(connection))
    resources.of(Decisions).catalogue = catalogue
    return orjson.dumps(action.model_dump(mode="json"))


@actions.delete("/{action_id}", dependencies=[requires("admin")], status_code=204, summary="Remove an action")
async def delete_action(request: HotRequest, action_id: str) -> Response:
    """Receipts that name it stay."""
    resources = request.resources
    async with transaction(resources.engine) as connection:
        if not is_plain_text(action_id) or not await queries.delete_action(connection, action_id):
            raise NotFound("There is no such action.")
        catalogue = ActionCatalogue(await queries.read_actions(connection))
    resources.of(Decisions).catalogue = catalogue
    return Response(status_code=204)
