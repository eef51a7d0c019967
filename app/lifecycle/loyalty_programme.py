"""A loyalty programme: what earns points, from when they may be spent, and when they expire."""

from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.lifecycle.actions import ActionId
from app.lifecycle.calendar_days import read_day
from app.lifecycle.event_data import Text
from app.lifecycle.measures import Channel
from app.lifecycle.stages import Stage

MOST_POINTS: Final = 10**12
"""Of one order, so that no sum of them overflows."""


def _check_day(text: str) -> str:
    if len(text) != len("2026-01-31") or read_day(text) is None:
        raise ValueError("it is no day, such as 2026-01-31")
    return text


Day = Annotated[
    str, Field(min_length=10, max_length=10, json_schema_extra={"format": "date"}), AfterValidator(_check_day)
]
Listed = Annotated[tuple[Text, ...], Field(max_length=1000)]
Points = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Weekday = Annotated[int, Field(ge=1, le=7)]


class OrderWhere(BaseModel):
    """Of which orders a rule is: all that is named holds. Days are local ones, both inclusive, `weekdays` 1 (Monday)
    to 7; `stores` are sources of events, each with all below it; `stages` are where the customer stood by then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stores: Listed = ()
    channels: tuple[Channel, ...] = ()
    weekdays: Annotated[tuple[Weekday, ...], Field(max_length=7)] = ()
    from_day: Day | None = None
    to_day: Day | None = None
    stages: tuple[Stage, ...] = ()

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """What sources of these stores begin with, if they end with a slash."""
        return tuple([f"{each.rstrip('/')}/" for each in self.stores])


class LineWhere(OrderWhere):
    """And of which lines of them."""

    items: Listed = ()
    categories: Listed = ()

    @property
    def names_lines(self) -> bool:
        """Whether it is not of whole orders."""
        return bool(self.items or self.categories)

    @cached_property
    def _named(self) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(self.items), frozenset(self.categories)

    def is_of(self, item_id: str, category: str | None) -> bool:
        """Whether a line of this item is named."""
        items, categories = self._named
        return item_id in items or category in categories


class EarnRule(BaseModel):
    """`points` for each `per` of what was paid (major units), of pieces, or for the order. Of a rule that names items
    or categories it is what their lines came to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule_id: ActionId
    of: Literal["spend", "piece", "order"] = "spend"
    points: Points = 1.0
    per: Points = 1.0
    where: LineWhere = LineWhere()


class Multiplier(BaseModel):
    """What an order earns by all rules is taken so many times. Those of several are multiplied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule_id: ActionId
    factor: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    where: OrderWhere = OrderWhere()


class ActionBonus(BaseModel):
    """Points for an action that the customer redeemed; once a decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action_id: ActionId
    points: Annotated[int, Field(ge=1, le=10**6, strict=True)]


class Programme(BaseModel):
    """Points are promised for `return_days` after an order, then active for `expiry_days`; null: for ever. An order's
    points are rounded once, after all rules: `down`, `up`, or to the `nearest` with halves up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    earn: Annotated[tuple[EarnRule, ...], Field(min_length=1, max_length=100)]
    multipliers: Annotated[tuple[Multiplier, ...], Field(max_length=100)] = ()
    bonuses: Annotated[tuple[ActionBonus, ...], Field(max_length=100)] = ()
    rounding: Literal["down", "nearest", "up"] = "down"
    return_days: Annotated[int, Field(ge=0, le=366, strict=True)] = 14
    expiry_days: Annotated[int, Field(ge=1, le=3660, strict=True)] | None = 365

    @property
    def names_stages(self) -> bool:
        """Whether any rule asks where a customer stood."""
        return any([*(rule.where.stages for rule in self.earn), *(rule.where.stages for rule in self.multipliers)])

    @property
    def reads_lines(self) -> bool:
        """Whether any rule asks what was bought."""
        return any(rule.of == "piece" or rule.where.names_lines for rule in self.earn)

    @model_validator(mode="after")
    def _name_each_once(self) -> "Programme":
        names = [*(rule.rule_id for rule in self.earn), *(rule.rule_id for rule in self.multipliers)]
        if len(set(names)) < len(names):
            raise ValueError("two rules have the same rule_id")
        if len({bonus.action_id for bonus in self.bonuses}) < len(self.bonuses):
            raise ValueError("two bonuses are of the same action")
        return self
