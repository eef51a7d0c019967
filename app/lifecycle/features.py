"""Features: one pure function of state vectors and a required `as_of`, vectorised over customers.

A feature is one declaration over *base columns*: the constants `zero` and `one`, every summed
measure and every number of days by its name, every time as `days_since_…` (≥ 0), every decayed sum brought to `as_of`.
Evaluation is a handful of array operations whatever the number of features, so that the same code
serves one customer at the till and millions in training.
"""

import cmath
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.btyd import prospects, prospects_of_one
from app.lifecycle.events import DAY_US
from app.lifecycle.measures import (
    DAYS,
    DECAYED,
    NUMERIC,
    RADIANS_PER_US,
    REFERENCE,
    SUMS,
    TIMES,
)
from app.lifecycle.receipts import join_receipts, join_receipts_of_one
from app.lifecycle.strays import may_have_strays, set_strays_apart, without_strays

Floats = NDArray[np.float64]


def days_since(time_measure: str) -> str:
    """The base column of a time measure: `last_order_us` → `days_since_last_order`."""
    return f"days_since_{time_measure.removesuffix('_us')}"


_SEASON: Final = ("season_cos", "season_sin")
_PURCHASES: Final = ("orders", "last_order_us", "first_order_us")

READS: Final[Mapping[str, tuple[str, ...]]] = {
    "zero": (),
    "one": (),
    **{measure.name: (measure.name,) for measure in (*SUMS, *DAYS)},
    **{days_since(measure.name): (measure.name,) for measure in TIMES},
    **{measure.name: (measure.name, REFERENCE) for measure in DECAYED},
    "phase_cos": _SEASON,
    "phase_sin": _SEASON,
    "silence": ("orders", "last_order_us"),
    "lapse_chance": _PURCHASES,
    "pace_orders": _PURCHASES,
}
"""Base column → the measures that it is made of."""
BASE: Final = tuple(READS)
"""Base columns, in order. `phase_…` is the calendar phase of the customer's orders relative to
`as_of`, summed over orders: cos > 0 when they fall in the same season of the year. `silence` is
days since the last order × repeat orders: over the span of the orders, it is the present silence
in units of the customer's own mean gap. `lapse_chance` and `pace_orders` are those of `app.lifecycle.btyd`."""


@dataclass(frozen=True, slots=True)
class Feature:
    """(plus − minus) / (per − less) of four base columns; NaN where the divisor is not positive."""

    name: str
    label: str
    unit: str
    plus: str
    minus: str = "zero"
    per: str = "one"
    less: str = "zero"

    @property
    def is_plain(self) -> bool:
        """Whether it is a base column as it stands."""
        return (self.minus, self.per, self.less) == ("zero", "one", "zero")

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """The base columns that it is made of."""
        return self.plus, self.minus, self.per, self.less


def _decayed_features() -> tuple[Feature, ...]:
    return tuple(
        Feature(
            measure.name,
            f"{measure.name.split('_')[0].capitalize()} of late (half-life {measure.half_life_days} days)",
            measure.unit,
            measure.name,
        )
        for measure in DECAYED
    )


def _rate_changes(quantity: str) -> tuple[Feature, ...]:
    """Recent against longer-run rate: the ratio of two decayed sums."""
    return tuple(
        Feature(
            f"{quantity}_{short}d_per_{long}d",
            f"{quantity.capitalize()} of the last {short} days against the last {long}",
            "ratio",
            plus=f"{quantity}_decayed_{short}d",
            per=f"{quantity}_decayed_{long}d",
        )
        for short, long in ((15, 60), (60, 240), (240, 480))
    )


_LAST, _FIRST = days_since("last_order_us"), days_since("first_order_us")

_DECLARED: Final = (
    Feature("recency_days", "Days since the last order", "days", _LAST),
    Feature("tenure_days", "Days since the first order", "days", _FIRST),
    Feature("known_days", "Days since first seen", "days", "days_since_first_event"),
    Feature("orders", "Orders", "orders", "orders"),
    Feature("net_spend", "Spend less refunds", "minor", "spend_minor", "refunded_minor"),
    Feature("average_order", "Average order less refunds", "minor", "spend_minor", "refunded_minor", per="orders"),
    Feature("gross_order", "Average order", "minor", "spend_minor", per="orders"),
    Feature("items_per_order", "Pieces per order", "pieces", "items", per="orders"),
    Feature("rhythm_days", "Usual days between orders", "days", _FIRST, _LAST, "orders", "one"),
    Feature("silence_ratio", "Silence in usual gaps", "ratio", "silence", "zero", _FIRST, _LAST),
    Feature("lapse_chance", "Chance of no order in 90 days at this pace", "probability", "lapse_chance"),
    Feature("pace_orders", "Orders to expect in 90 days at this pace", "orders", "pace_orders"),
    Feature("recency_share", "Silence as share of the relation", "ratio", _LAST, per=_FIRST),
    Feature("orders_per_day", "Orders per day of the relation", "orders/day", "orders", per=_FIRST),
    Feature("last_gap_days", "Days between the last two orders", "days", "days_since_second_last_order", _LAST),
    Feature("store_share", "Share of orders in the store", "ratio", "orders_store", per="orders"),
    Feature("discount_share", "Discount per spend", "ratio", "discount_minor", per="spend_minor"),
    Feature("refund_share", "Refunds per spend", "ratio", "refunded_minor", per="spend_minor"),
    Feature("refund_recency_days", "Days since the last refund", "days", "days_since_last_refund"),
    Feature("visit_recency_days", "Days since the last visit", "days", "days_since_last_visit"),
    Feature("visits", "Visits", "events", "visits"),
    Feature("complaint_recency_days", "Days since the last complaint", "days", "days_since_last_complaint"),
    Feature("complaints", "Complaints", "events", "complaints"),
    Feature("open_cases", "Open service cases", "cases", "cases", "cases_resolved"),
    Feature("season_same", "Buys at this time of the year", "ratio", "phase_cos", per="orders"),
    Feature("season_ahead", "Buys at the coming time of the year", "ratio", "phase_sin", per="orders"),
    *_decayed_features(),
    *_rate_changes("orders"),
    *_rate_changes("spend"),
)
FEATURES: Final = tuple(sorted(_DECLARED, key=lambda feature: not feature.is_plain))
"""Plain columns first, then quotients: the order of feature vectors."""

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)

_COLUMN: Final = {name: index for index, name in enumerate(BASE)}
_PLAIN: Final = [_COLUMN[feature.plus] for feature in FEATURES if feature.is_plain]
_QUOTIENTS: Final = tuple(
    tuple(_COLUMN[name] for name in (feature.plus, feature.per, feature.minus, feature.less))
    for feature in FEATURES
    if not feature.is_plain
)
_PLAIN_AT: Final = np.array(_PLAIN)
_PARTS: Final = np.array(_QUOTIENTS).T
_STATE_AT: Final = slice(2, 2 + len(NUMERIC))
_TIMES_AT: Final = slice(2 + len(SUMS) + len(DAYS), 2 + len(SUMS) + len(DAYS) + len(TIMES))
_DECAYED_AT: Final = slice(_TIMES_AT.stop, _STATE_AT.stop)
_PHASE_AT: Final = slice(_STATE_AT.stop, _STATE_AT.stop + 2)
_SEASON_AT: Final = slice(_COLUMN["season_cos"], _COLUMN["season_sin"] + 1)
_ORDERS, _RECENCY, _SILENCE = _COLUMN["orders"], _COLUMN["days_since_last_order"], _COLUMN["silence"]
_TENURE = _COLUMN["days_since_first_order"]
_LAPSE, _PACE = _COLUMN["lapse_chance"], _COLUMN["pace_orders"]
_REFERENCE_AGE: Final = _COLUMN[days_since(REFERENCE)]
_HALVINGS_PER_DAY: Final = -1.0 / np.array([measure.half_life_days for measure in DECAYED])


def _base_columns(states: Floats, as_of_us: float) -> Floats:
    """(n, measures) → (n, len(BASE))."""
    base = np.empty((len(states), len(BASE)))
    base[:, 0] = 0.0
    base[:, 1] = 1.0
    base[:, _STATE_AT] = states
    set_strays_apart(base[:, _STATE_AT])
    join_receipts(base[:, _STATE_AT])
    ages = base[:, _TIMES_AT]
    np.subtract(as_of_us, ages, out=ages)
    ages /= DAY_US
    np.maximum(ages, 0.0, out=ages)
    base[:, _DECAYED_AT] *= np.exp2(base[:, _REFERENCE_AGE, None] * _HALVINGS_PER_DAY)
    turn = cmath.rect(1.0, -as_of_us * RADIANS_PER_US)
    base[:, _PHASE_AT] = (base[:, _SEASON_AT].copy().view(np.complex128) * turn).view(np.float64)
    repeats = base[:, _ORDERS] - 1.0
    base[:, _SILENCE] = base[:, _RECENCY] * repeats
    base[:, _LAPSE], base[:, _PACE] = prospects(repeats, base[:, _RECENCY], base[:, _TENURE])
    return base


def features(states: Floats, as_of_us: float) -> Floats:
    """State vectors and the time to judge them at → feature vectors.

    `states` is (n, len(NUMERIC)), NaN where a measure has no value; `as_of_us` microseconds since
    1970 UTC, not before the events in the state (an event that is after it counts as age zero: a
    till's clock may run ahead). Receipts of one day (UTC) are one order, and stray times are set apart
    (`app.lifecycle.strays`). Returns (n, len(FEATURES)), NaN = unknown.
    """
    base = _base_columns(states, as_of_us)
    vectors = np.empty((len(states), len(FEATURES)))
    vectors[:, : len(_PLAIN)] = base.take(_PLAIN_AT, axis=1)
    parts = base.take(_PARTS, axis=1)
    differences = parts[:, :2] - parts[:, 2:]
    divisors = differences[:, 1]
    np.copyto(divisors, np.nan, where=divisors <= 0.0)
    np.divide(differences[:, 0], divisors, out=vectors[:, len(_PLAIN) :])
    return vectors


_HALF_LIVES: Final = tuple(sorted({measure.half_life_days for measure in DECAYED}))
_HALF_LIFE_AT: Final = tuple(_HALF_LIVES.index(measure.half_life_days) for measure in DECAYED)
_STATE_COUNTS: Final = slice(0, len(SUMS) + len(DAYS))
_STATE_TIMES: Final = slice(_STATE_COUNTS.stop, _STATE_COUNTS.stop + len(TIMES))
_STATE_DECAYED: Final = slice(_STATE_TIMES.stop, len(NUMERIC))
_PLAIN_OF_ONE: Final = itemgetter(*_PLAIN)
_UNKNOWN: Final = math.nan


def features_of_one(state: Sequence[float | None], as_of_us: float) -> list[float]:
    """`features` of a single state vector (None = no value); plain arithmetic beats array calls for one."""
    state = join_receipts_of_one(without_strays(state) if may_have_strays(state) else state)
    ages = [_UNKNOWN if us is None else max(as_of_us - us, 0.0) / DAY_US for us in state[_STATE_TIMES]]
    age = ages[_REFERENCE_AGE - _TIMES_AT.start]
    left = [2.0 ** (-age / days) for days in _HALF_LIVES]
    base: list[Any] = [0.0, 1.0, *state[_STATE_COUNTS], *ages]
    base += [value * left[at] for value, at in zip(state[_STATE_DECAYED], _HALF_LIFE_AT, strict=True)]
    season = complex(base[_SEASON_AT.start], base[_SEASON_AT.start + 1])
    phase = season * cmath.rect(1.0, -as_of_us * RADIANS_PER_US)
    repeats, recency = base[_ORDERS] - 1.0, base[_RECENCY]
    base += (phase.real, phase.imag, recency * repeats, *prospects_of_one(repeats, recency, base[_TENURE]))
    quotients = [
        (base[plus] - base[minus]) / divisor if (divisor := base[per] - base[less]) > 0.0 else _UNKNOWN
        for plus, per, minus, less in _QUOTIENTS
    ]
    return [*_PLAIN_OF_ONE(base), *quotients]
