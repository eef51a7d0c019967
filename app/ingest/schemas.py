"""Events on the wire: CloudEvents 1.0 with the data of each type."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    TypeAdapter,
    model_validator,
)

from app.http.times import Time
from app.lifecycle import events as e

Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x20-\x7e]+$")]
"""Printable ASCII: what identifies an event for ever."""

Text = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x{9f}]+$")]
"""Any text without control characters."""
Prose = Annotated[str, Field(max_length=10_000)]

Money = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False, strict=True)]
"""Major units, at most 10^12 minor units either way; the minor unit decides in `read_facts`."""
Amount = Annotated[Money, Field(ge=0)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class CustomerIdentifier(BaseModel):
    """A phone, e-mail, device …: kept as a keyed hash alone."""

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x{9f}]+$")]
    value: Annotated[str, Field(min_length=1, max_length=256)]


Identifiers = Annotated[list[CustomerIdentifier], Field(max_length=32)]


class Data(BaseModel):
    """Members that are not named here are kept as they are; those that facts are read from are checked."""

    model_config = ConfigDict(extra="allow", strict=False)

    channel: Text | None = None
    identifiers: Identifiers | None = None
    """Other ids of the customer; they and the subject become one person."""


class Product(Data):
    product_id: Text
    category: Text | None = None
    name: Text | None = None
    price: Money | None = None
    quantity: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False, strict=True)] = 1


Products = Annotated[list[Product], Field(max_length=1000)]


class OrderCompleted(Data):
    order_id: Text
    total: Money
    discount: Amount | None = None
    currency: Currency | None = None
    channel: Text | None = None
    products: Products | None = None


class OrderRefunded(Data):
    order_id: Text
    total: Amount
    currency: Currency | None = None
    channel: Text | None = None
    products: Products | None = None


class Visit(Data):
    """A visit, a look, a basket line or a search."""

    channel: Text | None = None
    product_id: Text | None = None
    category: Text | None = None
    query: Annotated[str, Field(max_length=1024)] | None = None


class OtherData(BaseModel):
    """Of a type that is not known here: only what says whose it is."""

    model_config = ConfigDict(extra="allow")

    identifiers: Identifiers | None = None


class CustomerMerged(Data):
    merged: Text


class ConsentChanged(Data):
    purpose: Text
    channel: Text | None = None
    granted: StrictBool


_SCALES = {"csat": (1, 5), "nps": (0, 10), "rating": (1, 5)}


class FeedbackSubmitted(Data):
    metric: Literal["csat", "nps", "rating"]
    score: Annotated[float, Field(allow_inf_nan=False, strict=True)]
    text: Prose | None = None

    @model_validator(mode="after")
    def check_scale(self) -> "FeedbackSubmitted":
        """csat and rating go from 1 to 5, nps from 0 to 10."""
        low, high = _SCALES[self.metric]
        if not low <= self.score <= high:
            raise ValueError(f"{self.metric} goes from {low} to {high}")
        return self


class Case(Data):
    case_id: Text
    kind: Text | None = None
    cause: Annotated[str, Field(max_length=256)] | None = None


class Points(Data):
    points: Annotated[int, Field(ge=0, le=10**9, strict=True)]
    order_id: Text | None = None


class TierChanged(Data):
    tier: Text


class ActionOutcome(Data):
    action_id: Text
    decision_id: Text | None = None


class EventIn(BaseModel):
    """A CloudEvent. `source` and `id` together identify it for ever; other attributes are ignored."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {
                "specversion": "1.0",
                "id": "till3-000123",
                "source": "/pos/store-12/till-3",
                "type": "order.completed",
                "subject": "C-1001",
                "time": "2026-11-22T10:15:00+08:00",
                "data": {
                    "order_id": "A-77",
                    "currency": "CNY",
                    "total": 128.50,
                    "discount": 10.00,
                    "channel": "store",
                    "products": [{"product_id": "4711", "category": "dairy", "price": 12.80, "quantity": 2}],
                },
            }
        },
    )

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
    subject: Text | None = None
    """Who it is about; without it, the first of `data.identifiers`."""
    time: Time
    data: Annotated[dict[str, Any], Field(default_factory=dict)]


class ResultOut(BaseModel):
    """What became of one event, in the order they were sent."""

    status: Literal["accepted", "duplicate", "rejected"]
    problem: dict[str, Any] | None = None


class ReceiptOut(BaseModel):
    """What became of the events."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[ResultOut]


EVENT_IN: TypeAdapter[EventIn] = TypeAdapter(EventIn)

OTHER_DATA: TypeAdapter[OtherData] = TypeAdapter(OtherData)
DATA_OF_TYPE: dict[str, TypeAdapter[Any]] = {
    e.ORDER_COMPLETED: TypeAdapter(OrderCompleted),
    e.ORDER_REFUNDED: TypeAdapter(OrderRefunded),
    **dict.fromkeys(e.VISIT_TYPES, TypeAdapter(Visit)),
    e.CUSTOMER_IDENTIFIED: TypeAdapter(Data),
    **dict.fromkeys((e.CUSTOMER_MERGED, e.CUSTOMER_UNMERGED), TypeAdapter(CustomerMerged)),
    e.CONSENT_CHANGED: TypeAdapter(ConsentChanged),
    e.FEEDBACK_SUBMITTED: TypeAdapter(FeedbackSubmitted),
    **dict.fromkeys((e.CASE_OPENED, e.CASE_ANSWERED, e.CASE_RESOLVED), TypeAdapter(Case)),
    **dict.fromkeys(e.POINTS_TYPES, TypeAdapter(Points)),
    e.TIER_CHANGED: TypeAdapter(TierChanged),
    **dict.fromkeys(e.ACTION_TYPES, TypeAdapter(ActionOutcome)),
}
