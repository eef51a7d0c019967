"""What decisions really brought: mean rewards with intervals, of sums that a database can make.

A person's decisions are not independent: an order is shared over them. So the mean is a ratio of sums over persons, and
its variance that of what each person's rewards are off by (Cochran, Sampling Techniques, 1977, 2.11).
"""

from math import sqrt
from typing import NamedTuple

from app.lifecycle.effects import Z95
from app.lifecycle.off_policy import Estimate


class Sums(NamedTuple):
    """Over persons: of their decisions, what these brought, the squares of either and the product."""

    persons: int = 0
    decisions: int = 0
    reward: float = 0.0
    squared_rewards: float = 0.0
    squared_decisions: float = 0.0
    crossed: float = 0.0

    @property
    def mean(self) -> float | None:
        """What a decision brought; None: there is none."""
        return self.reward / self.decisions if self.decisions else None

    @property
    def variance(self) -> float | None:
        """Of the mean; None: of fewer than two persons."""
        if self.persons < 2 or not self.decisions:
            return None
        mean = self.reward / self.decisions
        off = self.squared_rewards - 2 * mean * self.crossed + mean**2 * self.squared_decisions
        return max(off, 0.0) * self.persons / (self.persons - 1) / self.decisions**2


def mean_of(sums: Sums) -> Estimate | None:
    """None: of fewer than two persons."""
    mean, variance = sums.mean, sums.variance
    return None if mean is None or variance is None else _around(mean, variance)


def lead_over(sums: Sums, others: Sums) -> Estimate | None:
    """How much more a decision brought than one of others; None: of fewer than two persons."""
    mean, theirs = sums.mean, others.mean
    variance, of_theirs = sums.variance, others.variance
    if mean is None or theirs is None or variance is None or of_theirs is None:
        return None
    return _around(mean - theirs, variance + of_theirs)


def _around(value: float, variance: float) -> Estimate:
    half = Z95 * sqrt(variance)
    return Estimate(value, value - half, value + half)
