"""The event types, each declared once: its name, the model of its data, how its facts are read, an example.

All that tells types apart follows from `EVENT_TYPES`: what is admitted, what the API publishes, which metrics
there are. So a new type is an entry here, with a model and a reader where no other type has the same; its
constant in `app.lifecycle.events` where other code names it; its facts in the test of them; and the file of the
API as agreed, renewed.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StrictBool, WithJsonSchema, model_validator

from app.lifecycle import events as e
from app.lifecycle.calendar_days import read_day
from app.lifecycle.event_data import Amount, Currency, Data, Money, Products, Prose, Text
from app.lifecycle.events import count_items, to_minor
from app.lifecycle.json_schema import rules, where

Facts = dict[str, Any]
"""Fields of `Event` by name."""
Json = dict[str, Any]
Birthday = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]})]


class OrderCompletedData(Data):
    """A purchase. `total` is what was paid, after discount."""

    order_id: Text
    total: Money
    discount: Amount | None = None
    currency: Currency | None = None
    products: Products | None = None


class OrderUpdatedData(OrderCompletedData):
    """A purchase as it is now, whole: the latest one counts. Of a source whose orders have an identity.

    `refund_events`: the ids of the events of its refunds; any other that was told of before is none.
    """

    refund_events: list[Text] | None = None


class OrderCancelledData(Data):
    """A purchase that never was. Of a source whose orders have an identity."""

    order_id: Text


class OrderRefundedData(Data):
    """What was given back of an order. Without `total` it is the worth of its `products`; of a source whose orders have
    an identity, of those without prices what they cost in the order, and without `products` what is left of the order.
    """

    order_id: Text
    total: Amount | None = None
    currency: Currency | None = None
    products: Products | None = None


class VisitData(Data):
    """A visit, a look, a basket line or a search."""

    product_id: Text | None = None
    category: Text | None = None
    query: Annotated[str, Field(max_length=1024)] | None = None


class CustomerIdentifiedData(Data):
    """By what else a customer is known. The birthday is kept as it came."""

    birthday: Birthday = None


class CustomerMergedData(Data):
    """The other id of the customer; the event's subject survives."""

    merged: Text


class ConsentChangedData(Data):
    """Consent to a purpose, by one channel or, where none is named, by every channel.

    Without a `purpose`, or of `all`, it is of every one: so a customer withdraws everything.
    """

    purpose: Text | None = None
    granted: StrictBool


_SCALES: Final = {"csat": (1, 5), "nps": (0, 10), "rating": (1, 5)}
_ON_SCALES: Final = rules(
    *(
        where({"metric": {"const": metric}}, {"properties": {"score": {"minimum": low, "maximum": high}}})
        for metric, (low, high) in _SCALES.items()
    ),
    where({"metric": {"const": "nps"}}, {"properties": {"score": {"multipleOf": 1}}}),
)


class FeedbackSubmittedData(Data):
    """An answer of the customer, or a review."""

    model_config = ConfigDict(json_schema_extra=_ON_SCALES)

    metric: Literal["csat", "nps", "rating"]
    score: Annotated[float, Field(allow_inf_nan=False, strict=True)]
    survey: Text | None = None
    occasion: Text | None = None
    text: Prose | None = None

    @model_validator(mode="after")
    def check_scale(self) -> "FeedbackSubmittedData":
        """csat and rating go from 1 to 5, nps from 0 to 10 in whole numbers."""
        low, high = _SCALES[self.metric]
        if not low <= self.score <= high:
            raise ValueError(f"{self.metric} goes from {low} to {high}")
        if self.metric == "nps" and self.score != int(self.score):
            raise ValueError("nps is a whole number")
        return self


class CaseData(Data):
    """A question or a complaint, and what became of it."""

    case_id: Text
    kind: Text | None = None
    cause: Annotated[str, Field(max_length=256)] | None = None


class PointsData(Data):
    """How many points were added to or taken from the balance: never negative."""

    points: Annotated[int, Field(ge=0, le=10**9, strict=True)]
    order_id: Text | None = None


class TierChangedData(Data):
    """The tier of the loyalty programme from now on."""

    tier: Text


class ActionData(Data):
    """What became of an action, and the decision that chose it."""

    action_id: Text
    decision_id: Text | None = None


class RecommendationShownData(Data):
    """A recommendation came into view: all of it, or the items that are named. It counts once, however often told."""

    recommendation_id: Text
    products: Products | None = None


class RecommendationTakenData(Data):
    """An item of a recommendation was clicked, or put into the basket."""

    recommendation_id: Text
    product_id: Text


def _read_identified(data: Mapping[str, Any], _: int) -> Facts:
    """The birthday, where one was told that there is."""
    birthday = str(data.get("birthday"))
    return {} if read_day(birthday) is None else {"kind": "birthday", "value": birthday[:10]}


def _read_nothing(_: Mapping[str, Any], __: int) -> Facts:
    return {}


def _order_id(data: Mapping[str, Any]) -> str | None:
    """Without blanks around it, which are of how it was typed."""
    order_id: str | None = data.get("order_id")
    return order_id and (order_id.strip() or order_id)


def _read_refund(data: Mapping[str, Any], digits: int) -> Facts:
    lines = data.get("products") or []
    total = data.get("total")
    if total is None:
        total = _worth(lines)
    kind = None if total is not None else e.BY_LINES if lines else e.WHOLE
    return {
        "kind": kind,
        "reference": _order_id(data),
        "amount_minor": to_minor(total or 0, digits),
        "items": count_items(lines),
    }


def _worth(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """Σ price · quantity, whichever sign the books give it; None where a line says no price, or there is none."""
    told = [(line.get("price"), line.get("quantity") or 1) for line in lines]
    if not told or any(price is None for price, _ in told):
        return None
    return abs(float(sum(Decimal(str(price)) * Decimal(str(quantity)) for price, quantity in told)))


def _read_look(data: Mapping[str, Any], _: int) -> Facts:
    return {"reference": data.get("product_id")}


def _read_cancelled(data: Mapping[str, Any], _: int) -> Facts:
    return {"reference": _order_id(data)}


def _read_order(data: Mapping[str, Any], digits: int) -> Facts:
    return {
        "reference": _order_id(data),
        "amount_minor": to_minor(data["total"], digits),
        "discount_minor": to_minor(data.get("discount") or 0, digits),
        "items": count_items(data.get("products") or []),
    }


_PERSONALIZATION: Final = "personalization"
_PROFILING: Final = "profiling"
"""Another word for it."""


def _read_consent(data: Mapping[str, Any], _: int) -> Facts:
    purpose = (data.get("purpose") or e.ALL_PURPOSES).strip().lower()
    return {
        "kind": _PERSONALIZATION if purpose == _PROFILING else purpose,
        "channel": data.get("channel") or e.ALL_CHANNELS,
        "value": "granted" if data["granted"] else "denied",
    }


def _read_feedback(data: Mapping[str, Any], _: int) -> Facts:
    return {"kind": data["metric"], "value": f"{data['score']:g}"}


def _read_case(data: Mapping[str, Any], _: int) -> Facts:
    return {"reference": data["case_id"], "kind": data.get("kind")}


def _read_points_in(data: Mapping[str, Any], _: int) -> Facts:
    return {"points": data["points"], "reference": _order_id(data)}


def _read_points_out(data: Mapping[str, Any], _: int) -> Facts:
    return {"points": -data["points"], "reference": _order_id(data)}


def _read_tier(data: Mapping[str, Any], _: int) -> Facts:
    return {"value": data["tier"]}


def _read_action(data: Mapping[str, Any], _: int) -> Facts:
    return {"kind": data["action_id"], "reference": data.get("decision_id")}


def _read_recommendation(data: Mapping[str, Any], _: int) -> Facts:
    return {"kind": data.get("product_id"), "reference": data["recommendation_id"]}


class EventType(NamedTuple):
    """What there is to know of a type.

    `read` takes validated data and the digits of the minor unit, and gives the facts that are not as in
    `NO_FACTS`; the channel is read for every type. `example` is `data` as a shop would send them.
    """

    name: str
    data: type[BaseModel]
    read: Callable[[Mapping[str, Any], int], Facts]
    example: Json


_MILK: Final = {"product_id": "4711", "category": "dairy", "price": 12.80, "quantity": 2}
_VIEWED: Final = {"channel": "web", "product_id": "4711", "category": "dairy"}
_CASE: Final = {"case_id": "S-1", "kind": "complaint", "cause": "late delivery", "channel": "phone"}
_ACTION: Final = {"action_id": "welcome-pack", "decision_id": "D-1", "channel": "sms"}
_SHOWN: Final = {"recommendation_id": "R-1", "channel": "web", "products": [{"product_id": "4711"}]}
_TAKEN: Final = {"recommendation_id": "R-1", "channel": "web", "product_id": "4711"}
_IDENTIFIERS: Final = [{"kind": "phone", "value": "+86 138 0013 8000"}, {"kind": "email", "value": "li@example.com"}]
_ORDER: Final = {"order_id": "A-77", "currency": "CNY", "total": 128.50, "discount": 10.00, "channel": "store"}
_REFUND: Final = {"order_id": "A-77", "currency": "CNY", "total": 12.80, "channel": "store"}
_FEEDBACK: Final = {"metric": "csat", "score": 4, "text": "Quick and friendly.", "channel": "app"}
_CONSENT: Final = {"purpose": "marketing", "channel": "sms", "granted": True}

_DECLARED: Final = (
    EventType(e.ORDER_COMPLETED, OrderCompletedData, _read_order, {**_ORDER, "products": [_MILK]}),
    EventType(e.ORDER_REFUNDED, OrderRefundedData, _read_refund, {**_REFUND, "products": [{**_MILK, "quantity": 1}]}),
    EventType(e.ORDER_UPDATED, OrderUpdatedData, _read_order, {**_ORDER, "products": [{**_MILK, "quantity": 3}]}),
    EventType(e.ORDER_CANCELLED, OrderCancelledData, _read_cancelled, {"order_id": "A-77"}),
    EventType(e.STORE_VISITED, VisitData, _read_nothing, {"channel": "store"}),
    EventType(e.PRODUCT_VIEWED, VisitData, _read_look, _VIEWED),
    EventType(e.PRODUCT_ADDED, VisitData, _read_look, _VIEWED),
    EventType(e.PRODUCTS_SEARCHED, VisitData, _read_nothing, {"channel": "web", "query": "oat milk"}),
    EventType(
        e.CUSTOMER_IDENTIFIED,
        CustomerIdentifiedData,
        _read_identified,
        {"identifiers": _IDENTIFIERS, "birthday": "1990-05-17"},
    ),
    EventType(e.CUSTOMER_MERGED, CustomerMergedData, _read_nothing, {"merged": "C-2"}),
    EventType(e.CUSTOMER_UNMERGED, CustomerMergedData, _read_nothing, {"merged": "C-2"}),
    EventType(e.CONSENT_CHANGED, ConsentChangedData, _read_consent, _CONSENT),
    EventType(e.FEEDBACK_SUBMITTED, FeedbackSubmittedData, _read_feedback, _FEEDBACK),
    EventType(e.CASE_OPENED, CaseData, _read_case, _CASE),
    EventType(e.CASE_ANSWERED, CaseData, _read_case, _CASE),
    EventType(e.CASE_RESOLVED, CaseData, _read_case, _CASE),
    EventType(e.POINTS_EARNED, PointsData, _read_points_in, {"points": 120, "order_id": "A-77"}),
    EventType(e.POINTS_REDEEMED, PointsData, _read_points_out, {"points": 100, "order_id": "A-78"}),
    EventType(e.POINTS_EXPIRED, PointsData, _read_points_out, {"points": 20}),
    EventType(e.TIER_CHANGED, TierChangedData, _read_tier, {"tier": "gold"}),
    EventType(e.ACTION_DELIVERED, ActionData, _read_action, _ACTION),
    EventType(e.ACTION_OPENED, ActionData, _read_action, _ACTION),
    EventType(e.ACTION_ACCEPTED, ActionData, _read_action, _ACTION),
    EventType(e.ACTION_DECLINED, ActionData, _read_action, _ACTION),
    EventType(e.ACTION_REDEEMED, ActionData, _read_action, {**_ACTION, "channel": "store"}),
    EventType(e.RECOMMENDATION_SHOWN, RecommendationShownData, _read_recommendation, _SHOWN),
    EventType(e.RECOMMENDATION_CLICKED, RecommendationTakenData, _read_recommendation, _TAKEN),
    EventType(e.RECOMMENDATION_ADDED, RecommendationTakenData, _read_recommendation, _TAKEN),
)

EVENT_TYPES: Final = {declared.name: declared for declared in _DECLARED}

NO_FACTS: Final[Facts] = {
    "kind": None,
    "channel": None,
    "reference": None,
    "amount_minor": 0,
    "discount_minor": 0,
    "items": 0,
    "points": 0,
    "value": None,
}
"""Of an unknown type: it is kept and counted, not scored."""


def read_facts(type_: str, data: Mapping[str, Any], digits: int) -> Facts:
    """The typed facts of a validated event: every field of `Event` between `kind` and `value`."""
    known = EVENT_TYPES.get(type_)
    if known is None:
        return dict(NO_FACTS)
    return {**NO_FACTS, "channel": data.get("channel"), **known.read(data, digits)}
