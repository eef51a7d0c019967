"""What a test of two sides says: once, at its end, and at any time."""

from collections.abc import Iterator
from math import sqrt
from typing import Any, Literal, NamedTuple

from app.lifecycle.arms import MISMATCH, sample_ratio_p
from app.lifecycle.effects import Z95, Difference, Group, difference_of_means, difference_of_rates
from app.lifecycle.sequences import Outcomes, Reading, read_at_any_time

Metric = Literal["bought", "value"]


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

    @property
    def group(self) -> Group:
        """Of those counted."""
        return Group(self.counted, self.buyers, self.value, self.squares)

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
    past foretells (CUPED; None: the past foretells nothing); `any_time` at all times at once. None: too few.
    `ratio_p` is how probable it is that chance made the sides as large as they are."""

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
    persons = a.persons + b.persons
    return SplitReading(
        compare(b.group, a.group),
        _adjust(a, b, metric),
        read_at_any_time(_outcomes(b, metric), _outcomes(a, metric), looked_for),
        sample_ratio_p({"a": a.persons, "b": b.persons}, {"a": persons * (1.0 - split), "b": persons * split}),
    )


def _outcomes(side: SideSums, metric: Metric) -> Outcomes:
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
