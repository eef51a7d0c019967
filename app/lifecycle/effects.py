"""How much more came of those who were offered something than of those who were not, and how sure that is."""

from math import sqrt
from typing import Final, NamedTuple

Z95: Final = 1.959963984540054
"""Standard errors to each side of an interval of 95 %, by the normal law."""


class Group(NamedTuple):
    """Persons of an arm: how many bought, what they are worth together, and the sum of the squares of that."""

    persons: int
    buyers: int
    value: float
    squares: float

    @property
    def rate(self) -> float | None:
        """Who bought; None: there is nobody."""
        return self.buyers / self.persons if self.persons else None

    @property
    def mean(self) -> float | None:
        """What a person is worth."""
        return self.value / self.persons if self.persons else None

    @property
    def variance(self) -> float:
        """Of a person's worth, without bias; of at least two."""
        return max(self.squares - self.value**2 / self.persons, 0.0) / (self.persons - 1)


class Difference(NamedTuple):
    """Treated less control, and the interval that has the true difference nineteen times of twenty."""

    estimate: float
    low: float
    high: float


def difference_of_rates(treated: Group, control: Group) -> Difference | None:
    """By Agresti and Caffo (2000): one more buyer and one more other in each group, so that it holds for small groups
    too. None: a group is empty."""
    if not treated.persons or not control.persons:
        return None
    rates = [(group.buyers + 1) / (group.persons + 2) for group in (treated, control)]
    spread = sum(rate * (1 - rate) / (group.persons + 2) for rate, group in zip(rates, (treated, control), strict=True))
    middle, half = rates[0] - rates[1], Z95 * sqrt(spread)
    estimate = treated.buyers / treated.persons - control.buyers / control.persons
    return Difference(estimate, middle - half, middle + half)


def difference_of_means(treated: Group, control: Group) -> Difference | None:
    """With variances of their own (Welch), of groups large enough for the normal law. None: of fewer than two."""
    if min(treated.persons, control.persons) < 2:
        return None
    estimate = treated.value / treated.persons - control.value / control.persons
    half = Z95 * sqrt(treated.variance / treated.persons + control.variance / control.persons)
    return Difference(estimate, estimate - half, estimate + half)
