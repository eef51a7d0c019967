"""What recommendations are asked for, in a query or in a body."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, NamedTuple, get_args

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from starlette.datastructures import QueryParams

from app.foundation.errors import violation
from app.http.strict_json import is_plain_text
from app.items.schemas import ItemId, Word
from app.lifecycle.tact import buyer_in
from app.recommendations.merchant_rules import Scenario

MOST: Final = 100
USUAL: Final = 10
MOST_EXCLUDED: Final = 1000
MOST_LINES: Final = 1000
MOST_LEVELS: Final = 8
ID_LENGTH: Final = 256
WORD_LENGTH: Final = 128
_SCENARIOS: Final[tuple[Scenario, ...]] = get_args(Scenario)
_SCENARIO: Final[dict[str, Scenario]] = {name: name for name in _SCENARIOS}
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
OF_BASKET: Final = frozenset(("checkout", "cart"))
"""Scenarios that go by a basket."""


class Wanted(NamedTuple):
    """A request, whoever it is for. `category` is a path, () any; `basket` are item ids, each once."""

    scenario: Scenario = "home"
    limit: int = USUAL
    exclude: frozenset[str] = frozenset()
    category: tuple[str, ...] = ()
    in_stock_only: bool = True
    store: str | None = None
    basket: tuple[str, ...] = ()
    offers: bool = False
    """Whether each item is to have the depth of its offer."""
    buyer: frozenset[str] = frozenset()
    """What is said of who buys, as `app.lifecycle.tact.BUYERS` names it: offers go by it."""


def _write(item_id: Any) -> Any:
    """Numbers of items as texts, as orders' are."""
    return str(item_id) if type(item_id) is int else item_id


_ItemId = Annotated[ItemId, BeforeValidator(_write)]


class BasketLineIn(BaseModel):
    """A line as orders have them; of its members the item alone is read."""

    model_config = ConfigDict(strict=True)

    product_id: Annotated[_ItemId, Field(validation_alias=AliasChoices("product_id", "item_id"))]


def _as_line(line: Any) -> Any:
    """A bare id as a line, so that what is wrong with either is told at its place."""
    return {"product_id": line} if isinstance(line, (str, int)) else line


_Line = Annotated[BasketLineIn, BeforeValidator(_as_line, json_schema_input_type=ItemId | BasketLineIn)]


class _FilteredIn(BaseModel):
    """Which items may be shown, and where."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, value: Any) -> Any:
        """A member that is null is as if it was not there."""
        if not isinstance(value, dict):
            return value
        return {name: member for name, member in value.items() if member is not None}

    exclude: Annotated[list[_ItemId], Field(default_factory=list, max_length=MOST_EXCLUDED)]
    category: Annotated[list[Word], Field(default_factory=list, max_length=MOST_LEVELS)]
    in_stock_only: bool = True
    store: Word | None = None
    offers: bool = False
    """Whether each item has `offer_depth`."""

    def _want(
        self, scenario: Scenario, limit: int, store: str | None, basket: Iterable[str], context: Mapping[str, Any]
    ) -> Wanted:
        exclude, category = frozenset(self.exclude), tuple(self.category)
        lines, buyer = tuple(dict.fromkeys(basket)), buyer_in(context)
        return Wanted(scenario, limit, exclude, category, self.in_stock_only, store, lines, self.offers, buyer)


class CheckoutRecommendationsIn(_FilteredIn):
    """What a till asks for beside a sale: its basket is that of the sale."""

    scenario: Scenario = "checkout"
    limit: Annotated[int, Field(ge=1, le=MOST)] = 3

    def wanted(self, basket: Iterable[str], context: Mapping[str, Any]) -> Wanted:
        """The request, with the items that were sold, and what the checkout says of itself."""
        return self._want(self.scenario, self.limit, self.store, basket, context)


class RecommendationIn(_FilteredIn):
    """Without `customer_id` it is for somebody who is not known; without `scenario` it is `cart` where there is a
    basket, else `home`."""

    customer_id: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")] | None = None
    scenario: Scenario | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = USUAL
    basket: Annotated[list[_Line], Field(default_factory=list, max_length=MOST_LINES)]
    """Items that are in it: ids, or lines as orders have them."""
    context: Annotated[dict[str, Any], Field(default_factory=dict, max_length=32)]
    """Where it is shown. Of its members `store` is read, where there is none beside it, and for offers `staff_card` and
    `minor`."""

    def wanted(self) -> Wanted:
        """The request."""
        lines = [line.product_id for line in self.basket]
        scenario: Scenario = self.scenario or ("cart" if lines else "home")
        return self._want(scenario, self.limit, self.store or _store_of(self.context), lines, self.context)


def _store_of(context: dict[str, Any]) -> str | None:
    store = context.get("store")
    return store if isinstance(store, str) and 0 < len(store) <= WORD_LENGTH else None


def read_wanted(query: QueryParams) -> Wanted:
    """The request in a query; a parameter without a value is as if it was not there. Raises Malformed."""
    scenario, limit = query.get("scenario"), query.get("limit")
    excluded, category = _texts(query, "exclude", ID_LENGTH), _texts(query, "category", WORD_LENGTH)
    stores = _texts(query, "store", WORD_LENGTH)
    if scenario and scenario not in _SCENARIO:
        raise violation(("scenario",), f"It is one of {', '.join(_SCENARIOS)}.")
    if len(category) > MOST_LEVELS:
        raise violation(("category",), f"A path has at most {MOST_LEVELS} levels.")
    parts = {part for text in excluded for each in text.split(",") if (part := each.strip())}
    if len(parts) > MOST_EXCLUDED:
        raise violation(("exclude",), f"It names at most {MOST_EXCLUDED} items.")
    exclude = parts.union(excluded)  # an id may have a comma in it
    return Wanted(
        _SCENARIO[scenario or "home"],
        _read_limit(limit),
        frozenset(exclude),
        tuple(category),
        _read_flag(query, "in_stock_only", usual="true"),
        stores[-1] if stores else None,
        offers=_read_flag(query, "offers", usual="false"),
    )


def _read_flag(query: QueryParams, name: str, *, usual: str) -> bool:
    said = query.get(name) or usual
    if said not in _FLAGS:
        raise violation((name,), "It is true or false.")
    return _FLAGS[said]


def _read_limit(limit: str | None) -> int:
    if not limit:
        return USUAL
    if not (limit.isascii() and limit.isdigit() and len(limit) <= len(str(MOST)) and 1 <= int(limit) <= MOST):
        raise violation(("limit",), f"It is a whole number from 1 to {MOST}.")
    return int(limit)


def _texts(query: QueryParams, name: str, most: int) -> list[str]:
    """All values of a parameter that says something; a list of ids with commas may be as long as a URL."""
    values = [value for value in query.getlist(name) if value]
    for value in values:
        parts = value.split(",") if name == "exclude" else [value]
        if not is_plain_text(value) or any(len(part) > most for part in parts):
            raise violation((name,), f"Each is a text of at most {most} characters without control characters.")
    return values
