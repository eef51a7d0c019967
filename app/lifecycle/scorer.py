"""Step tables: additive models as one look-up per feature, for all targets at once.

A score is an intercept, a level of the time, and one term per feature, so the terms are the reasons, exactly.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from operator import add
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.bins import (
    MANY,
    Guide,
    make_guide,
    ranks,
)
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.own_money import GROSS_ORDER, REFUND_SHARE, OwnMoney
from app.lifecycle.targets import CHURN, ORDERS, OTHERS, SPEND, TARGET_NAMES, TARGETS, Target

_CHURN, _ORDERS, _SPEND = (TARGETS.index(target) for target in (CHURN, ORDERS, SPEND))
_RISK_OF, _ORDERS_OF, _SPEND_OF = (target.link.invert_one for target in (CHURN, ORDERS, SPEND))
_OTHERS: Final = tuple((TARGETS.index(target), target.link.invert_one) for target in OTHERS)
_OTHER_NAMES: Final = frozenset(target.name for target in OTHERS)
_BLOCK: Final = 8192
"""Rows that are looked up at once: what they need stays in the processor's cache."""

_SPEND_ALONE: Final = np.array([float(target is SPEND) for target in TARGETS])

Links = tuple[float, ...]
"""One number a target, in the order of TARGETS."""


@dataclass(frozen=True, slots=True)
class StepTables:
    """score(x) = intercept + Σ_j steps[j][bin of x_j], of one target.

    `edges[j]` ascends, (k_j,); `steps[j]` is (k_j + 2,): the term of an unknown (NaN) value, then of
    the intervals (−∞, edge₀), [edge₀, edge₁), …, [edge_k−1, ∞). Features without a say have no
    edges and zero steps.
    """

    intercept: float
    edges: tuple[Floats, ...]
    steps: tuple[Floats, ...]

    def terms(self, features: Floats) -> Floats:
        """(n, features) → (n, features): each feature's part of the score."""
        terms = np.empty(features.shape)
        for j, (edges, steps) in enumerate(zip(self.edges, self.steps, strict=True)):
            terms[:, j] = steps[_bins(edges, features[:, j])]
        return terms


def _bins(edges: Floats, column: Floats) -> NDArray[np.int64]:
    """(n,): the step of each value; NaN is above every edge in sorting, so it is set apart."""
    return _steps_at(np.searchsorted(edges, column, side="right"), column)


def _steps_at(reached: NDArray[np.int64], column: Floats) -> NDArray[np.int64]:
    steps = reached + 1
    steps[np.isnan(column)] = 0
    return steps


class Forecast(NamedTuple):
    """What is to be expected of one customer, the terms of it, one a feature, and what of OTHERS.

    None: the scorecard does not know it. `bases` are what the links come to without terms.
    """

    churn_risk: float
    orders: float
    spend_minor: float
    churn_terms: Sequence[float]
    spend_terms: Sequence[float]
    others: Sequence[float | None] = ()
    orders_terms: Sequence[float] = ()
    bases: Sequence[float] = ()


class Forecasts(NamedTuple):
    """What is to be expected of customers, each (n,)."""

    churn_risk: Floats
    orders: Floats
    spend_minor: Floats


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Step tables of all TARGETS over the same bins, and their level through time.

    link(x, t) = intercepts + level(t) + Σ_j steps[j][bin of x_j], (T,) for T targets. `steps[j]` is (k_j + 2, T),
    its rows as in StepTables. The level is linear between `level_days` (K ≥ 1, days since 1970 UTC, ascending),
    where it is `levels` (K, T), and holds its ends. The intercept of one of OTHERS that it does not know is NaN, and so
    is all that it says of that; those that it is made without are the last ones. The link of spend has the terms of
    `own` as well, if there is one; then the features are FEATURES.
    """

    edges: tuple[Floats, ...]
    intercepts: Links
    steps: tuple[Floats, ...]
    level_days: NDArray[np.int64]
    levels: Floats
    own: OwnMoney | None = None
    _lists: tuple[list[list[float]], list[list[Links]], list[Links]] = field(init=False, repr=False, compare=False)
    _days: tuple[list[int], list[Links]] = field(init=False, repr=False, compare=False)
    _guides: list[Guide | None] = field(default_factory=list, init=False, repr=False, compare=False)
    """Made when many rows are first looked up at once: a till does without them."""

    def __post_init__(self) -> None:
        if unknown := len(TARGETS) - len(self.intercepts):
            object.__setattr__(self, "intercepts", (*self.intercepts, *[np.nan] * unknown))
            object.__setattr__(self, "steps", tuple(_widen(steps, unknown) for steps in self.steps))
            object.__setattr__(self, "levels", _widen(self.levels, unknown))
        rows: list[list[Links]] = [[tuple(row) for row in steps.tolist()] for steps in self.steps]
        edges = [each.tolist() for each in self.edges]
        object.__setattr__(self, "_lists", (edges, [each[1:] for each in rows], [each[0] for each in rows]))
        levels = [tuple(row) for row in self.levels.tolist()]
        object.__setattr__(self, "_days", (self.level_days.tolist(), levels))

    def level(self, as_of_us: float) -> Links:
        """By how much the links of a time differ from their intercepts."""
        days, levels = self._days
        day = as_of_us / DAY_US
        after = bisect_right(days, day)
        if after in (0, len(days)):
            return levels[max(after - 1, 0)]
        part = (day - days[after - 1]) / (days[after] - days[after - 1])
        return tuple([a + (b - a) * part for a, b in zip(levels[after - 1], levels[after], strict=True)])

    def bases(self, as_of_us: float) -> Links:
        """What the links come to before any term: the average customer's, at that time."""
        return tuple(map(add, self.intercepts, self.level(as_of_us)))

    def forecast_one(self, row: Sequence[float], as_of_us: float) -> Forecast:
        """Of one feature row; plain bisection, once for all targets, beats array calls for one."""
        found = [
            steps[bisect_right(edges, value)] if value == value else unknown  # NaN is unlike itself
            for value, edges, steps, unknown in zip(row, *self._lists, strict=True)
        ]
        terms: list[Sequence[float]] = list(zip(*found, strict=True))
        offsets = self.bases(as_of_us)
        if self.own is not None:
            terms[_SPEND] = _add_own(terms[_SPEND], self.own.of_one(row))
        return Forecast(
            _RISK_OF(offsets[_CHURN] + sum(terms[_CHURN])),
            _ORDERS_OF(offsets[_ORDERS] + sum(terms[_ORDERS])),
            _SPEND_OF(offsets[_SPEND] + sum(terms[_SPEND])),
            terms[_CHURN],
            terms[_SPEND],
            tuple([None if isnan(offsets[at]) else invert(offsets[at] + sum(terms[at])) for at, invert in _OTHERS])
            if _OTHERS
            else (),
            terms[_ORDERS],
            offsets,
        )

    def terms(self, rows: Floats) -> tuple[Floats, Floats, Floats]:
        """(n, features) → the terms of churn, spend and orders that `forecast_one` tells, (n, features) each."""
        columns = np.ascontiguousarray(rows.T)
        bins = np.empty(columns.shape, np.int64)
        for at, edges in enumerate(self.edges):
            bins[at] = np.searchsorted(edges, columns[at], side="right")
        bins += 1
        bins[np.isnan(columns)] = 0
        bins += np.cumsum([0, *map(len, self.steps[:-1])])[:, None]  # where the steps of a feature begin among all
        steps = np.concatenate(self.steps)
        spend = steps[:, _SPEND].take(bins).T
        for feature, terms in self._own_terms(rows).items():
            spend[:, feature] += terms
        return steps[:, _CHURN].take(bins).T, spend, steps[:, _ORDERS].take(bins).T

    def _own_terms(self, rows: Floats) -> dict[int, Floats]:
        """By feature, (n,): what own money adds to the link of spend."""
        return {} if self.own is None else dict(zip((GROSS_ORDER, REFUND_SHARE), self.own.of_each(rows), strict=True))

    def links(self, rows: Floats, as_of_us: float) -> Floats:
        """(n, features) → (n, T). Added up one feature after the other, as for a single customer."""
        links = np.empty((len(rows), len(TARGETS)))
        for start in range(0, len(rows), _BLOCK):
            block = np.ascontiguousarray(rows[start : start + _BLOCK].T)
            total = np.zeros((block.shape[1], len(TARGETS)))
            own = self._own_terms(rows[start : start + _BLOCK])
            for feature, (steps, bins) in enumerate(zip(self.steps, self._bins_of_block(block), strict=True)):
                found = steps[0] if bins is None else steps.take(bins, axis=0)
                total += found + own[feature][:, None] * _SPEND_ALONE if feature in own else found
            np.add(self.bases(as_of_us), total, out=links[start : start + _BLOCK])
        return links

    def _bins_of_block(self, block: Floats) -> Iterator[NDArray[np.int64] | None]:
        """(features, n) → of each feature the steps of its values, (n,); None where it has no say."""
        if block.shape[1] >= MANY and not self._guides:
            self._guides.extend(map(make_guide, self.edges))
        guides = self._guides if block.shape[1] >= MANY else (None,) * len(block)
        for column, at, guide, edges, steps in zip(block, ranks(block), guides, self.edges, self.steps, strict=True):
            if guide is not None:
                yield _steps_at(guide.reached(column, at), column)
            else:
                yield _bins(edges, column) if len(edges) or steps.any() else None

    def forecast(self, rows: Floats, as_of_us: float) -> Forecasts:
        """(n, features) → three times (n,): what `forecast_one` says of each row, to the last bit."""
        return Forecasts(*self._expect((CHURN, ORDERS, SPEND), rows, as_of_us))

    def expect(self, rows: Floats, as_of_us: float) -> dict[str, Floats]:
        """(n, features) → (n,) by the name of each target: as `forecast`, of all of them."""
        return dict(zip(TARGET_NAMES, self._expect(TARGETS, rows, as_of_us), strict=True))

    def _expect(self, targets: Iterable[Target], rows: Floats, as_of_us: float) -> Iterator[Floats]:
        links = self.links(rows, as_of_us)
        return (target.link.invert_each(links[:, TARGETS.index(target)]) for target in targets)


def _add_own(terms: Sequence[float], own: tuple[float, float]) -> list[float]:
    """The terms of spend with those of own money."""
    added = list(terms)
    added[GROSS_ORDER] += own[0]
    added[REFUND_SHARE] += own[1]
    return added


def _widen(columns: Floats, by: int) -> Floats:
    """(k, T) with so many columns of zeros more."""
    return np.pad(columns, ((0, 0), (0, by)))


def strongest(terms: Sequence[float], most: int) -> list[int]:
    """Indices of the `most` terms of greatest size, strongest first; terms of zero are no reasons."""
    sizes = list(map(abs, terms))
    order = sorted(range(len(terms)), key=sizes.__getitem__, reverse=True)
    return [j for j in order[:most] if terms[j]]


def combine(
    tables: Mapping[str, StepTables],
    level_days: NDArray[np.int64],
    levels: Mapping[str, Floats],
    own: OwnMoney | None = None,
) -> Scorecard:
    """One scorecard of the tables of all TARGETS, over the bins that the edges of all of them make, and of own money.

    Those of OTHERS may be missing.
    """
    features = len(tables[CHURN.name].edges)
    absent = StepTables(np.nan, (np.empty(0),) * features, (np.zeros(2),) * features)
    each = [tables[name] if name not in _OTHER_NAMES else tables.get(name, absent) for name in TARGET_NAMES]
    edges = tuple(np.unique(np.concatenate(columns)) for columns in zip(*(one.edges for one in each), strict=True))
    steps = tuple(
        np.column_stack([one.steps[j][_bins_of(edge, one.edges[j])] for one in each]) for j, edge in enumerate(edges)
    )
    return Scorecard(
        edges,
        tuple(float(one.intercept) for one in each),
        steps,
        np.asarray(level_days, np.int64),
        np.column_stack([levels.get(name, np.zeros(len(level_days))) for name in TARGET_NAMES]),
        own,
    )


def place(card: Scorecard, places: Sequence[int | None]) -> Scorecard:
    """The card over other features: of each its place in the card, None: it has none there, and no say."""
    no_edges, no_say = np.empty(0), np.zeros((2, len(TARGETS)))
    edges = tuple(no_edges if at is None else card.edges[at] for at in places)
    return replace(card, edges=edges, steps=tuple(no_say if at is None else card.steps[at] for at in places))


def _bins_of(finer: Floats, edges: Floats) -> NDArray[np.int64]:
    """Of each step over `finer` edges, the step over `edges`, which are among them."""
    return np.concatenate(([0, 1], np.searchsorted(edges, finer, side="right") + 1))
