"""`POST /v1/decisions` and the catalogue at `/v1/actions`."""

import time
import uuid
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError

from app.auth import requires
from app.db import transaction
from app.decisions import queries
from app.decisions.schemas import ActionListOut, DecisionIn, DecisionOut
from app.decisions.service import decide, stand
from app.errors import Malformed, NotFound, malformed
from app.events.reading import read_json
from app.lifecycle.decisions import Action, ActionId, Catalogue
from app.resources import Resources
from app.routes import HotRoute, json_body, language_of, read_body, schema_of
from app.scores.service import newcomer, score_states

router = APIRouter(prefix="/v1", tags=["decisions"], route_class=HotRoute)
catalogue = APIRouter(prefix="/v1/actions", tags=["actions"])


@router.post(
    "/decisions",
    dependencies=[requires("decide")],
    response_model=DecisionOut,
    summary="The next best actions for a customer",
    openapi_extra=json_body(schema_of(DecisionIn)),
)
async def post_decision(request: Request) -> Response:
    """Chooses by expected value among the eligible actions and writes the receipt.

    A customer there is nothing of is answered as a prospect.
    """
    resources: Resources = request.app.state.resources
    try:
        wish = DecisionIn.model_validate(read_json(await read_body(request)))
    except ValidationError as error:
        raise malformed(error.errors(include_url=False, include_input=False)) from None
    now_us = time.time_ns() // 1000
    state = await resources.reader.submit(wish.customer_id) or newcomer(wish.customer_id)
    deciding = resources.deciding()
    (score,) = score_states([state], now_us, deciding.scoring)
    decision = decide(
        str(uuid.uuid4()),
        stand(score, deciding, state.offered_us()),
        wish,
        deciding,
        now_us=now_us,
        language=language_of(request),
    )
    answer = orjson.dumps(decision.answer)
    await resources.receipts.submit((decision, answer))
    return Response(answer, media_type="application/json")


@catalogue.get("", dependencies=[requires("read")], summary="The catalogue of actions")
async def get_actions(request: Request) -> ActionListOut:
    """All actions, in the order of their ids."""
    resources: Resources = request.app.state.resources
    async with transaction(resources.engine) as connection:
        return ActionListOut(actions=await queries.read_actions(connection))


@catalogue.put("/{action_id}", dependencies=[requires("admin")], summary="Add or replace an action")
async def put_action(request: Request, action_id: Annotated[ActionId, Path()], action: Action) -> Action:
    """In force at once here, and within seconds in other processes."""
    if action.action_id != action_id:
        raise Malformed("/action_id: It differs from the one in the path.")
    resources: Resources = request.app.state.resources
    async with transaction(resources.engine) as connection:
        await queries.put_action(connection, action, time.time_ns() // 1000)
        resources.catalogue = Catalogue(await queries.read_actions(connection))
    return action


@catalogue.delete(
    "/{action_id}", dependencies=[requires("admin")], status_code=204, summary="Remove an action"
)
async def delete_action(request: Request, action_id: Annotated[ActionId, Path()]) -> None:
    """Receipts that name it stay."""
    resources: Resources = request.app.state.resources
    async with transaction(resources.engine) as connection:
        if not await queries.delete_action(connection, action_id):
            raise NotFound("There is no such action.")
        resources.catalogue = Catalogue(await queries.read_actions(connection))
