"""What the merchant wants shown first, more, less or never, where and when; each is said in the reasons."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.foundation.times import to_us
from app.http.times import Time
from app.items.held import UNKNOWN, Catalogue, Mask, Places
from app.items.schemas import ItemId, Word
from app.lifecycle.actions import Title
from app.lifecycle.features import Floats
from app.lifecycle.json_schema import A_VALUE, NO_VALUE, Schema, having, lacking, rules, where

Scenario = Literal["replenish", "checkout", "cart", "discover", "home", "popular"]
RuleId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
_MOST_ITEMS: Final = 1000


_NUMBER_OF: Final = {"pin": "rank", "boost": "factor", "limit": "most_depth"}
_SOME: Final = {"minItems": 1}
_NONE: Final = {"maxItems": 0}


def _has_its_number(effect: str, name: str) -> Schema:
    return where({"effect": {"const": effect}}, having({name: A_VALUE}), lacking(name))


_NAMES_NOTHING: Final = {"properties": {"items": _NONE, "category": _NONE, "brand": NO_VALUE, "tag": NO_VALUE}}
_RULES: Final = rules(
    *(_has_its_number(*each) for each in _NUMBER_OF.items()),
    where({"effect": {"const": "pin"}}, having({"items": _SOME})),
    where({"effect": {"const": "limit"}}, {"properties": {"scenarios": _NONE, "stores": _NONE}}),
    {"not": _NAMES_NOTHING},
)


class MerchantRule(BaseModel):
    """`pin` shows an item at a rank, `boost` multiplies the scores of items by a factor, `hide` shows none of them;
    `limit` gives no offer of them that is deeper than `most_depth`, wherever it is shown.

    An item is meant when it is among `items`, or is of the category (or one below it), the brand and the tag that are
    named. Nothing named in `scenarios` or `stores`: all of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra=_RULES)

    rule_id: RuleId
    effect: Literal["pin", "boost", "hide", "limit"]
    rank: Annotated[int, Field(ge=1, le=100)] | None = None
    """Of a pin: the place of its first item, the others follow."""
    factor: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = None
    """Of a boost; below 1 it shows less of them."""
    most_depth: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    """Of a limit, the share of the price: 0 is no offer."""
    title: Title | None = None
    """What a customer may read of why it is shown."""
    items: Annotated[tuple[ItemId, ...], Field(max_length=_MOST_ITEMS)] = ()
    category: Annotated[tuple[Word, ...], Field(max_length=8)] = ()
    brand: Word | None = None
    tag: Word | None = None
    scenarios: Annotated[tuple[Scenario, ...], Field(max_length=6)] = ()
    stores: Annotated[tuple[Word, ...], Field(max_length=2000)] = ()
    valid_from: Annotated[Time, Field(strict=False)] | None = None
    valid_to: Annotated[Time, Field(strict=False)] | None = None
    """From this time on it is in force no more."""
    enabled: bool = True

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.rank is None) is (self.effect == "pin"):
            raise ValueError("a pin has a rank, and nothing else has")
        if (self.factor is None) is (self.effect == "boost"):
            raise ValueError("a boost has a factor, and nothing else has")
        if (self.most_depth is None) is (self.effect == "limit"):
            raise ValueError("a limit has a most_depth, and nothing else has")
        if self.effect == "limit" and (self.scenarios or self.stores):
            raise ValueError("a limit holds in all scenarios and stores")
        if self.effect == "pin" and not self.items:
            raise ValueError("a pin names items")
        if not (self.items or self.category or self.brand or self.tag):
            raise ValueError("it names no items, category, brand or tag")
        if self.valid_from is not None and self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to is not after valid_from")
        return self

    def is_in_force(self, scenario: str, store: str | None, at_us: int) -> bool:
        """Whether it counts for a request. A rule of some stores counts for none that names no store."""
        return (
            self.enabled
            and (not self.scenarios or scenario in self.scenarios)
            and (not self.stores or store in self.stores)
            and (self.valid_from is None or to_us(self.valid_from) <= at_us)
            and (self.valid_to is None or at_us < to_us(self.valid_to))
        )

    def means(self, item_ids: Sequence[str], places: Places, catalogue: Catalogue) -> Mask:
        """Which of these items it is about; `places` are theirs in the catalogue."""
        named = set(self.items)
        mask: Mask = np.fromiter((item_id in named for item_id in item_ids), np.bool_, len(item_ids))
        if not (self.category or self.brand or self.tag):
            return mask
        described = places != UNKNOWN
        if self.category:
            described &= catalogue.are_within(places, self.category)
        if self.tag is not None:
            described &= catalogue.have_tag(places, self.tag)
        if self.brand is not None:
            described &= catalogue.are_of_brand(places, self.brand)
        found: Mask = mask | described
        return found


def find_limits(
    rules: Iterable[MerchantRule], item_ids: Sequence[str], catalogue: Catalogue, at_us: int
) -> list[float | None]:
    """Of each item the least `most_depth` of the limits in force that are about it; None: there is none."""
    places, least = catalogue.places_of(item_ids), np.full(len(item_ids), np.inf)
    for rule in rules:
        if rule.most_depth is not None and rule.is_in_force("", None, at_us):
            meant = rule.means(item_ids, places, catalogue)
            least[meant] = np.minimum(least[meant], rule.most_depth)
    return [None if np.isinf(each) else each for each in least.tolist()]


class Wishes(NamedTuple):
    """What the merchant's rules make of the items of one request, (n,) each."""

    shown: Mask
    factors: Floats
    boosted_by: list[MerchantRule | None]
    """The strongest boost of each."""
    pins: list[tuple[int, int, MerchantRule]]
    """(rank from 0, place among the items, by which rule), ranks ascending."""
    is_weighed: bool
    """Whether any is boosted."""


def weigh(rules: Iterable[MerchantRule], item_ids: Sequence[str], places: Places, catalogue: Catalogue) -> Wishes:
    """`rules` are those in force, in the order of their ids, without limits of offers: of two pins at one rank the
    first keeps it."""
    count = len(item_ids)
    shown, factors = np.ones(count, np.bool_), np.ones(count)
    boosted_by: list[MerchantRule | None] = [None] * count
    wanted: list[tuple[int, str, MerchantRule]] = []
    for rule in rules:
        if rule.effect == "pin":
            assert rule.rank is not None
            wanted += [(rule.rank - 1 + at, item_id, rule) for at, item_id in enumerate(rule.items)]
            continue
        meant = rule.means(item_ids, places, catalogue)
        if rule.effect == "hide":
            shown &= ~meant
            continue
        assert rule.factor is not None
        factors[meant] *= rule.factor
        for place in np.flatnonzero(meant).tolist():
            before = boosted_by[place]
            if before is None or (before.factor or 0.0) < rule.factor:
                boosted_by[place] = rule
    at = {item_id: place for place, item_id in enumerate(item_ids)} if wanted else {}
    pins = [(rank, at[item_id], rule) for rank, item_id, rule in wanted if item_id in at and shown[at[item_id]]]
    return Wishes(shown, factors, boosted_by, _one_a_rank(pins), any(boosted_by))


def _one_a_rank(pins: list[tuple[int, int, MerchantRule]]) -> list[tuple[int, int, MerchantRule]]:
    """Whoever finds their rank taken, takes the next that is free."""
    taken: dict[int, Any] = {}
    pinned: set[int] = set()
    for rank, place, rule in sorted(pins, key=lambda pin: (pin[0], pin[2].rule_id)):
        if place in pinned:
            continue
        while rank in taken:
            rank += 1
        taken[rank] = (rank, place, rule)
        pinned.add(place)
    return [taken[rank] for rank in sorted(taken)]
