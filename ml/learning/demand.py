"""What the past says of forecasts of units: how much clocks count beside late sales, and how far off what came lay."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.clock import WEEK_DAYS
from app.lifecycle.clocks.demand import COVERAGE, DemandTables, Expected
from app.lifecycle.clocks.renewal import Ints
from app.lifecycle.features import Floats

PACES: Final = (0.25, 1.0, 4.0, 16.0, 64.0)
"""Purchases a week that part the classes of items."""
_WEIGHTS: Final = np.linspace(0.0, 1.0, 21)
_FEWEST: Final = 100
"""Forecasts of a class: a weight that fewer support is that of all."""
_KNOTS: Final = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

_NOTHING: Final = 0.05
"""Purchases: as good as none said."""


class Forecasts(NamedTuple):
    """(n,) each: units of items within `days`, as expected by clocks and as of late, and what came."""

    clocks: Floats
    late: Floats
    typical: Floats
    days: Floats
    came: Floats

    def keep(self, which: NDArray[np.bool_] | Ints) -> "Forecasts":
        """Of some."""
        return Forecasts(*(values[which] for values in self))


def join_forecasts(parts: Iterable[Forecasts]) -> Forecasts:
    """All of them as one."""
    return Forecasts(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def fit_demand(past: Forecasts) -> DemandTables:
    """Of forecasts whose days are over."""
    weights = _fit_weights(past)
    straight = DemandTables(PACES, weights, (0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
    said = blend(straight, past).units / past.typical
    knots, low, high = _fit_reach(said, past.came / past.typical)
    return DemandTables(PACES, weights, knots, low, high)


def blend(tables: DemandTables, said: Forecasts) -> Expected:
    """What the tables make of each."""
    order, parts = [], []
    for days in np.unique(said.days):
        which = np.flatnonzero(said.days == days)
        order.append(which)
        some = said.keep(which)
        parts.append(tables.blend(some.clocks, some.late, some.typical, float(days)))
    back = np.argsort(np.concatenate(order))
    return Expected(*(np.concatenate(each)[back] for each in zip(*parts, strict=True)))


def classes_of(said: Forecasts) -> Ints:
    """(n,): of each its place among the classes that PACES part."""
    return np.searchsorted(PACES, said.late / said.typical * WEEK_DAYS / said.days, side="right")


def _fit_weights(past: Forecasts) -> tuple[float, ...]:
    """Of the clocks in each class: that of the least absolute error, in units."""
    classes = classes_of(past)
    everybody = _fit_weight(past)
    return tuple(
        _fit_weight(past.keep(classes == each)) if (classes == each).sum() >= _FEWEST else everybody
        for each in range(len(PACES) + 1)
    )


def _fit_weight(past: Forecasts) -> float:
    errors = [np.abs(past.came - weight * past.clocks - (1.0 - weight) * past.late).sum() for weight in _WEIGHTS]
    return round(float(_WEIGHTS[int(np.argmin(errors))]), 2)


def _fit_reach(said: Floats, came: Floats) -> tuple[tuple[float, ...], ...]:
    """Knots of purchases said, and the quantiles of what came near each: rising, and the knot within."""
    knots, low, high = [0.0], [0.0], []
    tail = (1.0 - COVERAGE) / 2
    edges = [_NOTHING, *(np.sqrt(np.multiply(_KNOTS[1:-1], _KNOTS[2:])).tolist()), np.inf]
    for knot, begin, end in zip(_KNOTS[1:], edges[:-1], edges[1:], strict=True):
        near = (said > begin) & (said <= end)
        if near.sum() >= _FEWEST:
            reach = np.quantile(came[near] / said[near], (tail, 1.0 - tail)) * knot
            knots.append(knot)
            low.append(float(reach[0]))
            high.append(float(reach[1]))
    if len(knots) == 1:  # too few for any of them: all together
        some = said > 0
        reach = np.quantile(came[some] / said[some], (tail, 1.0 - tail)) if some.any() else (0.0, 1.0)
        knots, low, high = [0.0, 1.0], [0.0, float(reach[0])], [float(reach[1])]
    none = said <= _NOTHING
    high.insert(0, float(np.quantile(came[none], 1.0 - tail)) if none.sum() >= _FEWEST else 1.0)
    rising = (np.maximum.accumulate(each) for each in (low, high))
    return tuple(knots), *(tuple(round(float(value), 3) for value in each) for each in rising)
