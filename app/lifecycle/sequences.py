"""A difference of two means that may be looked at every day: an interval that holds at all times at once.

An interval of a fixed sample errs as often as it says once, when the sample is complete; looked at daily, it errs
sooner or later. This is the confidence sequence of the mixture sequential probability ratio test (Robbins 1970; Johari,
Koomen, Pekelis and Walsh, Always valid inference, 2022): with s the standard error of the difference and a normal prior
of standard deviation τ, the size of the effects that are looked for,

    radius = s · √((1 + s²/τ²) · (ln(1 + τ²/s²) + 2 ln(1/α)))

at any time, whatever τ; τ decides only how soon small effects are seen. It is asymptotic in the spread of the outcomes:
nothing is read before LEAST_EACH were seen of both.
"""

from math import log, sqrt
from typing import Final, NamedTuple

from app.lifecycle.effects import Z95

LEAST_EACH: Final = 100
MOST_EACH: Final = 10**15
"""A sample beyond all people is told as no more than that, which every reader of JSON can read."""
ALPHA: Final = 0.05
_Z_POWER: Final = 0.8416212335729143
"""Of a chance of 80 % to see an effect."""


class Outcomes(NamedTuple):
    """Of one side: how many were seen, the sum of their outcomes and that of the squares."""

    seen: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.seen

    @property
    def variance(self) -> float:
        """Of the outcomes, at least 0."""
        return max((self.squares - self.total**2 / self.seen) / (self.seen - 1), 0.0)


class Reading(NamedTuple):
    """The difference, and the interval that holds it, with chance 1 − α, at all times at once."""

    difference: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether there is an effect."""
        return self.low > 0.0 or self.high < 0.0


def read_at_any_time(treated: Outcomes, control: Outcomes, looked_for: float, alpha: float = ALPHA) -> Reading | None:
    """None: too few were seen, or all outcomes are alike. `looked_for` > 0: the size of effects, told beforehand."""
    if min(treated.seen, control.seen) < LEAST_EACH:
        return None
    error = treated.variance / treated.seen + control.variance / control.seen
    if error == 0.0:
        return None
    ratio = looked_for**2 / error
    radius = sqrt(error * (1.0 + 1.0 / ratio) * (log(1.0 + ratio) + 2.0 * log(1.0 / alpha)))
    difference = treated.mean - control.mean
    return Reading(difference, difference - radius, difference + radius)


def least_sample(deviation: float, effect: float) -> int:
    """Customers that each of two equal sides needs, so that a fixed reading at 5 % sees a true `effect` in four of five
    tests; `deviation` is that of the outcomes. Sizes are told before a test begins."""
    return least_samples(deviation, effect, 0.5)[0]


def least_samples(deviation: float, effect: float, split: float) -> tuple[int, int]:
    """`least_sample` of two sides of which the second has the share `split`; at most MOST_EACH."""
    both = ((Z95 + _Z_POWER) * deviation / effect) ** 2 / (split * (1.0 - split))
    one, other = (min(max(int(both * share) + 1, LEAST_EACH), MOST_EACH) for share in (1.0 - split, split))
    return one, other
