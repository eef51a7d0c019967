"""The measures: everything that is kept of a customer's behaviour, each declared once; and how they merge.

A measure says what one event contributes (`lift`) and how two values combine (its `Merge`). Every
merge is commutative and associative with an empty value, so that

    state(A ∪ B) = merge(state(A), state(B))    in any order, in any grouping.

Lifts are data, not code: a column of the event and the conditions under which it counts. So
the same declaration becomes a Python value here, an aggregate in Postgres (`app.checkout.queries`)
and an aggregate in DuckDB or Spark (`ml.data.states`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import cos, pi, sin
from typing import Any, Final, Literal

from app.lifecycle import events as e
from app.lifecycle.order_lines import ItemRow

YEAR_US: Final = 365.2425 * e.DAY_US
RADIANS_PER_US: Final = 2 * pi / YEAR_US
"""Calendar phase: 0 on 1 January, 2π a mean Gregorian year later."""

LATEST_SEPARATOR: Final = "\x1f"
"""Below every printable character, so that comparing texts compares their parts in turn."""

HALF_LIVES_DAYS: Final = (7, 15, 30, 60, 120, 240, 480)


class Merge(Enum):
    """How two values of a measure combine; the empty value in parentheses."""

    SUM = "sum"
    """a + b (0), integers or floats."""
    FIRST = "first"
    """min (None), microseconds since 1970 UTC."""
    LAST = "last"
    """max (None), microseconds since 1970 UTC."""
    SECOND_LAST = "second_last"
    """The greatest time but one, read together with the `LAST` measure it stands `behind` (None)."""
    DECAYED = "decayed"
    """Σ value · 2^(−age / half-life), age counted to the state's `last_event_us` (0)."""
    DAYS = "days"
    """The union of sets of days since 1970 UTC, ascending (())."""
    LATEST = "latest"
    """max of the text "time␟source␟id␟value" (None): the value with the greatest (time, source, id)."""


Told = e.Event | ItemRow
"""What measures are made of: an event, or what it says of one item."""


class Lift(Enum):
    """What an event contributes, where it is not one of its own columns."""

    ONE = "1"
    SEASON_COS = "cos(calendar phase)"
    SEASON_SIN = "sin(calendar phase)"
    DAY = "day since 1970 UTC"


@dataclass(frozen=True, slots=True)
class Measure:
    """`lift` of the events with one of these `types` (none: all) and all of these columns `where`.

    `given_back`: of orders that were given back too, which are no orders any more but were paid.
    """

    name: str
    unit: str
    merge: Merge
    lift: str | Lift
    types: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    half_life_days: int = 0
    behind: str = ""
    given_back: bool = False

    @property
    def kept_types(self) -> tuple[str, ...]:
        """`types` as events are kept under them."""
        return (*self.types, e.ORDER_RETURNED) if self.given_back else self.types

    @property
    def is_float(self) -> bool:
        """Whether its value is a sum of floats, which depends on the order of adding in its last bits."""
        return self.merge is Merge.DECAYED or self.lift in (Lift.SEASON_COS, Lift.SEASON_SIN, "quantity")

    def counts(self, event: Told) -> bool:
        """Whether the event contributes at all."""
        return (not self.types or event.type in self.kept_types) and all(
            getattr(event, column) == wanted for column, wanted in self.where
        )


State = dict[str, Any]
"""Measure name → value. The empty state is `EMPTY`."""

_ORDER = (e.ORDER_COMPLETED,)
_REFUND = (e.ORDER_REFUNDED,)
_COMPLAINT = ("kind", "complaint")
_MARKETING = ("kind", "marketing")


def _count(name: str, types: tuple[str, ...] = (), *where: tuple[str, str]) -> Measure:
    return Measure(name, "events", Merge.SUM, Lift.ONE, types, where)


def _sum(name: str, unit: str, column: str, types: tuple[str, ...]) -> Measure:
    return Measure(name, unit, Merge.SUM, column, types)


def _first(name: str, types: tuple[str, ...] = ()) -> Measure:
    return Measure(name, "us", Merge.FIRST, "occurred_us", types)


def _last(name: str, types: tuple[str, ...] = (), *where: tuple[str, str]) -> Measure:
    return Measure(name, "us", Merge.LAST, "occurred_us", types, where)


def _decayed(
    name: str, unit: str, lift: str | Lift, half_lives_days: Iterable[int], types: tuple[str, ...]
) -> tuple[Measure, ...]:
    return tuple(
        Measure(f"{name}_decayed_{days}d", unit, Merge.DECAYED, lift, types, half_life_days=days)
        for days in half_lives_days
    )


def _latest(name: str, types: tuple[str, ...], *where: tuple[str, str]) -> Measure:
    return Measure(name, "text", Merge.LATEST, "value", types, where)


Channel = Literal["store", "web", "app", "mini_program", "email", "sms", "phone", "push", "wechat"]

CONTACT_CHANNELS: Final[tuple[Channel, ...]] = ("email", "sms", "phone", "push", "wechat")
"""Channels on which the retailer reaches out: they need consent to marketing."""

SALES_CHANNELS: Final[tuple[Channel, ...]] = ("store", "web", "app", "mini_program")
"""Channels on which the customer has come to the retailer."""

SUMS: Final = (
    _count("events"),
    _count("orders", _ORDER),
    _count("orders_store", _ORDER, ("channel", "store")),
    Measure("spend_minor", "minor", Merge.SUM, "amount_minor", _ORDER, given_back=True),
    Measure("discount_minor", "minor", Merge.SUM, "discount_minor", _ORDER, given_back=True),
    _sum("items", "pieces", "items", _ORDER),
    _count("refunds", _REFUND),
    _sum("refunded_minor", "minor", "amount_minor", _REFUND),
    _count("visits", e.VISIT_TYPES),
    _count("cases", (e.CASE_OPENED,)),
    _count("complaints", (e.CASE_OPENED,), _COMPLAINT),
    _count("cases_resolved", (e.CASE_RESOLVED,)),
    _sum("points", "points", "points", e.POINTS_TYPES),
    Measure("season_cos", "orders", Merge.SUM, Lift.SEASON_COS, _ORDER),
    Measure("season_sin", "orders", Merge.SUM, Lift.SEASON_SIN, _ORDER),
)
DAYS: Final = (Measure("order_days", "days", Merge.DAYS, Lift.DAY, _ORDER),)
"""Sets of days: a set merges, the number of them does not."""
TIMES: Final = (
    _first("first_event_us"),
    _last("last_event_us"),
    _first("first_order_us", _ORDER),
    _last("last_order_us", _ORDER),
    Measure("second_last_order_us", "us", Merge.SECOND_LAST, "occurred_us", _ORDER, behind="last_order_us"),
    _last("last_refund_us", _REFUND),
    _last("last_visit_us", e.VISIT_TYPES),
    _last("last_complaint_us", (e.CASE_OPENED,), _COMPLAINT),
)
DECAYED: Final = (
    *_decayed("orders", "orders", Lift.ONE, HALF_LIVES_DAYS, _ORDER),
    *_decayed("spend", "minor", "amount_minor", HALF_LIVES_DAYS, _ORDER),
    *_decayed("items", "pieces", "items", (60, 240), _ORDER),
    *_decayed("discount", "minor", "discount_minor", (120,), _ORDER),
    *_decayed("refunded", "minor", "amount_minor", (120,), _REFUND),
    *_decayed("visits", "events", Lift.ONE, (15, 60), e.VISIT_TYPES),
)
LATEST: Final = (
    _latest("latest_csat", (e.FEEDBACK_SUBMITTED,), ("kind", "csat")),
    _latest("latest_nps", (e.FEEDBACK_SUBMITTED,), ("kind", "nps")),
    _latest("latest_rating", (e.FEEDBACK_SUBMITTED,), ("kind", "rating")),
    _latest("latest_tier", (e.TIER_CHANGED,)),
    _latest("latest_birthday", (e.CUSTOMER_IDENTIFIED,), ("kind", "birthday")),
    _latest("consent_personalization", (e.CONSENT_CHANGED,), ("kind", "personalization")),
    _latest("consent_marketing", (e.CONSENT_CHANGED,), _MARKETING, ("channel", e.ALL_CHANNELS)),
    *(
        _latest(f"consent_marketing_{channel}", (e.CONSENT_CHANGED,), _MARKETING, ("channel", channel))
        for channel in CONTACT_CHANNELS + SALES_CHANNELS
    ),
)

NUMERIC: Final = (*SUMS, *DAYS, *TIMES, *DECAYED)
"""The measures of the state vector, in its order: one float64 each, NaN where there is no value; of a set of days, how
many they are."""

MEASURES: Final = (*NUMERIC, *LATEST)

REFERENCE: Final = "last_event_us"
"""The time to which a state's decayed sums are counted."""


_EMPTY_VALUES: Final = {Merge.SUM: 0, Merge.DECAYED: 0, Merge.DAYS: ()}


def empty(measures: Iterable[Measure] = MEASURES) -> State:
    """The state of no event."""
    return {measure.name: _EMPTY_VALUES.get(measure.merge) for measure in measures}


EMPTY: Final = empty()


def numbers_of(state: Mapping[str, Any]) -> list[float | None]:
    """The state vector, None where there is no value."""
    return [_number(state[measure.name]) for measure in NUMERIC]


def _number(value: Any) -> float | None:
    return len(value) if isinstance(value, tuple) else value


def decay(age_us: float, half_life_days: float) -> float:
    """2^(−age / half-life): what is left of one."""
    return float(2.0 ** (-age_us / (half_life_days * e.DAY_US)))


def latest_text(event: Told) -> str:
    """The sortable text of a latest value: 17 digits of microseconds, source, id, value."""
    return LATEST_SEPARATOR.join(
        (f"{event.occurred_us:017d}", event.source, event.id, getattr(event, "value", None) or "")
    )


def latest_value(text: str | None) -> str | None:
    """The value inside a latest text."""
    return None if text is None else text.rsplit(LATEST_SEPARATOR, 1)[1]


def latest_us(text: str) -> int:
    """The time of a latest text, in microseconds since 1970."""
    return int(text.split(LATEST_SEPARATOR, 1)[0])


def _lift_value(measure: Measure, event: Told) -> Any:
    match measure.lift:
        case Lift.ONE:
            return 1
        case Lift.SEASON_COS:
            return cos(event.occurred_us * RADIANS_PER_US)
        case Lift.SEASON_SIN:
            return sin(event.occurred_us * RADIANS_PER_US)
        case Lift.DAY:
            return (event.occurred_us // e.DAY_US,)
        case column:
            return getattr(event, column)


def lift(event: Told, measures: Sequence[Measure] = MEASURES) -> State:
    """The state with this one event."""
    state = empty(measures)
    for measure in measures:
        if not measure.counts(event) or measure.merge is Merge.SECOND_LAST:
            continue
        is_latest = measure.merge is Merge.LATEST
        state[measure.name] = latest_text(event) if is_latest else _lift_value(measure, event)
    return state


def merge(a: Mapping[str, Any], b: Mapping[str, Any], measures: Iterable[Measure] = MEASURES) -> State:
    """The state of the union of two disjoint sets of events."""
    return {measure.name: _merge_values(measure, a, b) for measure in measures}


def _merge_values(measure: Measure, a: Mapping[str, Any], b: Mapping[str, Any]) -> Any:
    ours, theirs = a[measure.name], b[measure.name]
    present = [value for value in (ours, theirs) if value is not None]
    match measure.merge:
        case Merge.SUM:
            return ours + theirs
        case Merge.FIRST:
            return min(present, default=None)
        case Merge.LAST | Merge.LATEST:
            return max(present, default=None)
        case Merge.DAYS:
            return tuple(sorted({*ours, *theirs}))
        case Merge.SECOND_LAST:
            lasts = [state[measure.behind] for state in (a, b) if state[measure.behind] is not None]
            beaten = [min(lasts)] if len(lasts) > 1 else []
            return max(present + beaten, default=None)
        case Merge.DECAYED:
            reference_us = max(a[REFERENCE] or 0, b[REFERENCE] or 0)
            return sum(
                state[measure.name] * decay(reference_us - state[REFERENCE], measure.half_life_days)
                for state in (a, b)
                if state[REFERENCE] is not None
            )


def fold(events: Iterable[Told], measures: Sequence[Measure] = MEASURES) -> State:
    """The state of a set of events: the reference that every engine is compared with."""
    state = empty(measures)
    for event in events:
        state = merge(state, lift(event, measures), measures)
    return state
