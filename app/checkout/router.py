"""`POST /v1/checkouts`."""

from collections.abc import Iterable

import orjson
from fastapi import APIRouter
from pydantic import BaseModel

from app.checkout.batch import Asked
from app.checkout.envelope import CheckoutIn, read_checkout
from app.decisions.carrying import carry_items, may_carry
from app.decisions.deadlines import Deadline, deadline_of
from app.decisions.held import Decisions
from app.decisions.schemas import DecisionOut
from app.foundation.times import received_now_us
from app.http.auditing import CUSTOMERS
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, language_of, read_body, read_in_turn, requires, schema_of
from app.ingest.admission import admit_with_warnings
from app.ingest.intake import Intake, Submission
from app.ingest.receipts import render_result
from app.ingest.refusals import Rejection
from app.ingest.schemas import ResultOut
from app.lifecycle.events import ORDER_COMPLETED, Event
from app.lifecycle.identifiers import BASKET
from app.lifecycle.order_lines import read_lines
from app.recommendations.recommending import answer_in_time, recommendation_id_of
from app.recommendations.schemas import RecommendationOut
from app.recommendations.wanted import Wanted
from app.scores.schemas import ScoreOut


class TillRoute(HotRoute):
    """What a till asks for is bounded by the door alone."""

    is_charged = False


router = APIRouter(prefix="/v1", tags=["events"], route_class=TillRoute)


class CheckoutOut(BaseModel):
    """What became of the event, the score and the decision. A repeat is answered as the first time.

    `recommendations` is there where it was asked for; null: there was no time.
    """

    event: ResultOut
    score: ScoreOut
    decision: DecisionOut
    recommendations: RecommendationOut | None = None


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
    intake, now_us, began_s = request.resources.of(Intake), received_now_us(), request.began_s
    checkout, left_out = await read_in_turn(request, await read_body(request), read_checkout)
    event, warnings = admit_with_warnings(checkout.event, intake.rules, now_us, ("event",))
    if isinstance(event, Rejection):
        await intake.till("").submit(Submission((), (event,)))
        raise event.problem
    request.scope[CUSTOMERS] = (event.customer_id,)
    deadline = deadline_of(checkout.deadline_ms, began_s, request.resources.settings, request.stood_s)
    asked = Asked(event.customer_id, checkout, language_of(request), deadline)
    entry = await intake.till(event.customer_id).submit(Submission((event,), (), asked), deadline.gone_s)
    assert entry.answer is not None
    warned = [*left_out, *(each._replace(path=("event", *each.path)) for each in warnings)]
    result = orjson.dumps(render_result(entry.statuses[0], warned))
    answer = entry.answer
    if may_carry(answer):
        answer = await _carry_items(request.resources, answer, event, deadline)
    if checkout.recommendations is None:
        return b'{"event":%b,%b' % (result, answer[1:])
    is_known = entry.statuses[0] != "erased" and not event.customer_id.startswith(BASKET)
    customer_id = event.customer_id if is_known else None
    wanted = checkout.recommendations.wanted(_sold(event), checkout.context)
    told = await _recommend(request.resources, wanted, event, customer_id, deadline)
    return b'{"event":%b,%b,"recommendations":%b}' % (result, answer[1:-1], told or b"null")


async def _carry_items(resources: Resources, answer: bytes, event: Event, deadline: Deadline) -> bytes:
    """The score and decision with the items of the actions; of a repeat by the same ids."""
    suggest = resources.of(Decisions).suggest
    if suggest is None:
        return answer
    told = orjson.loads(answer)
    await carry_items(suggest, told["decision"], event.occurred_us, deadline.due_s)
    return orjson.dumps(told)


def _sold(event: Event) -> Iterable[str]:
    return [line.item_id for line in read_lines(event.lines)] if event.type == ORDER_COMPLETED else ()


async def _recommend(
    resources: Resources, wanted: Wanted, event: Event, customer_id: str | None, deadline: Deadline
) -> bytes | None:
    """Once the sale is counted, and with it: what was just bought is not due. None: there was no time."""
    recommendation_id = recommendation_id_of(event.occurred_us, event.source, event.id)
    return await answer_in_time(resources, wanted, customer_id, recommendation_id, deadline.due_s)
