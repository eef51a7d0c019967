"""Items of the catalogue on the wire."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.http.times import Time

MOST_ITEMS: Final = 10_000
"""In one request."""
_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f-\x9f]+$"

ItemId = Annotated[str, Field(min_length=1, max_length=256, pattern=_NO_CONTROL)]
"""What order lines call the item: their `product_id`."""
Word = Annotated[str, Field(min_length=1, max_length=128, pattern=_NO_CONTROL)]
_Moment = Annotated[Time, Field(strict=False)]
_Title = Annotated[str, Field(min_length=1, max_length=512, pattern=_NO_CONTROL)]


class TitleIn(BaseModel):
    """One language or both; where one is missing the other serves."""

    model_config = ConfigDict(extra="forbid", strict=True)

    en: _Title | None = None
    zh: _Title | None = None


class ItemIn(BaseModel):
    """An item, whole: what is left out goes back to its default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    item_id: ItemId
    title: Annotated[TitleIn, Field(default_factory=TitleIn)]
    category: Annotated[list[Word], Field(default_factory=list, max_length=8)]
    """Its path, the widest first: ["food", "dairy", "milk"]."""
    brand: Word | None = None
    price: Annotated[float, Field(ge=0, le=10_000_000_000, allow_inf_nan=False)] | None = None
    """Of one, in major units, no finer than the currency's minor unit."""
    margin: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    """The share of the price that is left of it: 0.25 is a quarter."""
    in_stock: bool = True
    """Where `in_stock_by_store` says nothing of a store, and where no store is asked for."""
    in_stock_by_store: Annotated[dict[Word, bool], Field(default_factory=dict, max_length=2000)]
    valid_from: _Moment | None = None
    valid_to: _Moment | None = None
    """From this time on it is shown no more."""
    tags: Annotated[list[Word], Field(default_factory=list, max_length=32)]
    """A set: in whichever order, and however often each."""
    hidden: bool = False
    substitute_of: ItemId | None = None
    """The item that this one may stand in for."""
    pack_of: ItemId | None = None
    """The product that this is a pack of: items that name the same are one, in several sizes."""


class TitleOut(BaseModel):
    en: str | None
    zh: str | None


class ItemOut(BaseModel):
    item_id: str
    title: TitleOut
    category: list[str]
    brand: str | None
    price: float | None
    margin: float | None
    in_stock: bool
    in_stock_by_store: dict[str, bool]
    valid_from: str | None
    valid_to: str | None
    tags: list[str]
    hidden: bool
    substitute_of: str | None
    pack_of: str | None
    updated_at: str


class ItemPageOut(BaseModel):
    """`next_cursor` null: there are no more."""

    items: list[ItemOut]
    next_cursor: str | None


class ItemResultOut(BaseModel):
    """What became of one item; `problem` of one that was rejected."""

    status: Literal["created", "updated", "unchanged", "rejected"]
    problem: dict[str, Any] | None = None


class ItemsReceiptOut(BaseModel):
    """How many there are of each status, and the results in the order sent."""

    created: int
    updated: int
    unchanged: int
    rejected: int
    results: list[ItemResultOut]
