"""Offers on the wire."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.items.schemas import ItemId
from app.lifecycle.pricing.depth import Code

MOST_OFFERED: Final = 100
"""Items of one request."""


class OfferReasonOut(BaseModel):
    code: Code
    en: str
    zh: str


class OfferDepthOut(BaseModel):
    """`depth` is the share of `regular_price` that is taken off, 0: none. `price` is what it comes to, per piece.

    Null: of an item without a price; and the times where nothing is kept, so that it may be otherwise when asked again.
    """

    depth: float
    price: float | None
    regular_price: float | None
    valid_from: str | None
    valid_until: str | None
    reasons: list[OfferReasonOut]


class ItemOfferOut(OfferDepthOut):
    item_id: str


class OffersIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    items: Annotated[list[ItemId], Field(min_length=1, max_length=MOST_OFFERED)]
    """Ids of items, each answered once."""
    context: Annotated[dict[str, Any], Field(default_factory=dict, max_length=32)]
    """Of its members `staff_card` and `minor` are read: what is known of who buys where they are shown the price."""


class OffersOut(BaseModel):
    customer_id: str
    currency: str
    offers: list[ItemOfferOut]
