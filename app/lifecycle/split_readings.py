"""What a test of two sides says: once, at its end, and at any time."""

from collections.abc import Iterator
from math import sqrt
from typing import Any, Final, Literal, NamedTuple

from app.lifecycle.arms import MISMATCH, sample_ratio_p
from app.lifecycle.effects import Z95, Difference, Group, difference_of_means, difference_of_rates
from app.lifecycle.sequences import Outcomes, Reading, read_at_any_time

Metric = Literal["bought", "value", "value_per_order", "orders_per_visit"]
RATIOS: Final = ("value_per_order", "orders_per_visit")
"""Metrics that are not of a person: sums over persons, one by the other."""


class SideSums(NamedTuple):
    """Of a side: `decisions` and `persons` that take part, and of those `counted` whose window has passed, sums over
    persons of `value` and of who bought, and of the same in the time before they took part (`past_…`)."""

    decisions: int
    persons: int
    counted: int
    buyers: int
    value: float
    squares: float
    past_value: float
    past_squares: float
    past_products: float
    past_buyers: int
    faithful: int
    """Who bought, and had before."""
    orders: float = 0.0
    orders_squares: float = 0.0
    earned: float = 0.0
    """Margin of what was bought, before what actions cost."""
    earned_squares: float = 0.0
    earned_orders: float = 0.0
    """Of products of both, as all that are named after two."""
    visits: float = 0.0
    visits_squares: float = 0.0
    orders_visits: float = 0.0

    @property
    def group(self) -> Group:
        """Of those counted."""
        return Group(self.counted, self.buyers, self.value, self.squares)

    def ratio(self, metric: Metric) -> float | None:
        """Of one of `RATIOS`; None: there is nothing to divide by."""
        over, _, under, _, _ = self._ratio_moments(metric)
        return over / under if under else None

    def group_of(self, metric: Metric) -> Group | None:
        """By the metric. Of a ratio R = Σ y / Σ n each person has R + (y − R n) / mean n, whose mean is R and whose
        variance is that of R by the delta method, times the persons (Deng, Knoblich and Lu, Applying the delta method
        in metric analytics, 2018). None: there is nothing to divide by."""
        if metric not in RATIOS:
            return self.group
        ratio = self.ratio(metric)
        if ratio is None:
            return None
        _, over_squares, under, under_squares, products = self._ratio_moments(metric)
        spread = max(over_squares - 2.0 * ratio * products + ratio**2 * under_squares, 0.0)
        mean = under / self.counted
        return Group(self.counted, self.buyers, self.counted * ratio, self.counted * ratio**2 + spread / mean**2)

    def _ratio_moments(self, metric: Metric) -> tuple[float, float, float, float, float]:
        """Σ y, Σ y², Σ n, Σ n², Σ y n."""
        if metric == "value_per_order":
            return self.earned, self.earned_squares, self.orders, self.orders_squares, self.earned_orders
        return self.orders, self.orders_squares, self.visits, self.visits_squares, self.orders_visits

    def with_more(self, other: "SideSums") -> "SideSums":
        """With other persons of the side."""
        sums: Iterator[Any] = (one + more for one, more in zip(self, other, strict=True))
        return SideSums(*sums)

    def moments(self, metric: Metric) -> tuple[float, float, float, float, float]:
        """Σ y, Σ y², Σ x, Σ x², Σ xy of what came after and before."""
        if metric == "value":
            return self.value, self.squares, self.past_value, self.past_squares, self.past_products
        bought, before, both = float(self.buyers), float(self.past_buyers), float(self.faithful)
        return bought, bought, before, before, both


NOBODY = SideSums(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)


class SplitReading(NamedTuple):
    """Side b less side a. `fixed` holds once, when the test is complete, and so does `adjusted`, the same less what the
    past foretells (CUPED; None: the past foretells nothing, or it is a ratio); `any_time` at all times at once. None:
    too few. `ratio_p` is how probable it is that chance made the sides as large as they are."""

    fixed: Difference | None
    adjusted: Difference | None
    any_time: Reading | None
    ratio_p: float | None

    @property
    def is_mismatched(self) -> bool:
        """Whether the sides are not of the sizes that were meant."""
        return self.ratio_p is not None and self.ratio_p < MISMATCH


def read_sides(a: SideSums, b: SideSums, metric: Metric, looked_for: float, split: float) -> SplitReading:
    """Of both sides; `looked_for` > 0 is the difference that was to be found, `split` the share that side b was to
    have."""
    compare = difference_of_rates if metric == "bought" else difference_of_means
    persons, groups = a.persons + b.persons, (b.group_of(metric), a.group_of(metric))
    treated, other = groups
    is_empty = treated is None or other is None
    return SplitReading(
        None if treated is None or other is None else compare(treated, other),
        None if metric in RATIOS else _adjust(a, b, metric),
        None if is_empty else read_at_any_time(_outcomes(b, metric), _outcomes(a, metric), looked_for),
        sample_ratio_p({"a": a.persons, "b": b.persons}, {"a": persons * (1.0 - split), "b": persons * split}),
    )


def _outcomes(side: SideSums, metric: Metric) -> Outcomes:
    if metric in RATIOS:
        group = side.group_of(metric)
        assert group is not None
        return Outcomes(group.persons, group.value, group.squares)
    return Outcomes(side.counted, *side.moments(metric)[:2])


class _Spread(NamedTuple):
    """Means of y and x, and their sums of squares and products about them."""

    counted: int
    y: float
    x: float
    yy: float
    xx: float
    xy: float


def _spread(side: SideSums, metric: Metric) -> _Spread:
    count, (y, yy, x, xx, xy) = side.counted, side.moments(metric)
    return _Spread(count, y / count, x / count, yy - y * y / count, xx - x * x / count, xy - x * y / count)


def _adjust(a: SideSums, b: SideSums, metric: Metric) -> Difference | None:
    """By θ = Σ S_xy / Σ S_xx within the sides, y − θ x (Deng, Xu, Kohavi and Walker, Improving the sensitivity of
    online controlled experiments, 2013)."""
    if min(a.counted, b.counted) < 2:
        return None
    spreads = [_spread(side, metric) for side in (b, a)]
    within = sum(each.xx for each in spreads)
    if within <= 1e-9:
        return None
    slope = sum(each.xy for each in spreads) / within
    means = [each.y - slope * each.x for each in spreads]
    variance = sum(
        max(each.yy - 2.0 * slope * each.xy + slope * slope * each.xx, 0.0) / (each.counted - 1) / each.counted
        for each in spreads
    )
    half, estimate = Z95 * sqrt(variance), means[0] - means[1]
    return Difference(estimate, estimate - half, estimate + half)
