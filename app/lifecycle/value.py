"""Value: who holds how much of all expected spend, and the tiers that follow from it."""

from bisect import bisect_left
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.arithmetic import ONE, Arithmetic, Number
from app.lifecycle.features import Floats

Tier = Literal["high", "medium", "low"]
TIERS: Final[tuple[Tier, ...]] = ("high", "medium", "low")
CURVE_POINTS: Final = 512
LEAST_STAYING: Final = 0.05
"""P(purchase) below which spend is no longer divided by it: what is left of both is chance."""
_ROUNDING: Final = 1e-9


class ValueShares(NamedTuple):
    """Shares of all expected value: the most valuable customers who together hold `high` of it are in the
    high tier, those who hold the next `medium` of it in the medium one, the others in the low one."""

    high: float = 0.6
    medium: float = 0.3


class TierBounds(NamedTuple):
    """Expected spend, minor units, from which a customer is in the tier."""

    high_minor: float
    medium_minor: float

    def tier(self, spend_minor: float) -> Tier:
        """Of an expected spend."""
        return "high" if spend_minor >= self.high_minor else "medium" if spend_minor >= self.medium_minor else "low"

    def tiers(self, spend_minor: Floats) -> NDArray[np.str_]:
        """(n,) → (n,)."""
        below = (spend_minor < self.high_minor).astype(int) + (spend_minor < self.medium_minor)
        return np.array(TIERS).take(below)


@dataclass(frozen=True, slots=True)
class ValueCurve:
    """`share[k]` of all expected value is held by customers of whom at least `spend_minor[k]` is expected.

    Both (K,): spend falls strictly, the share rises to 1. K = 0: nobody is known.
    """

    spend_minor: Floats
    share: Floats
    _points: tuple[list[float], list[float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_points", (self.share.tolist(), self.spend_minor.tolist()))

    def bounds(self, shares: ValueShares) -> TierBounds:
        """The customer with whom a share is reached is within it."""
        high, both = self._spend_at(shares.high), self._spend_at(min(shares.high + shares.medium, 1.0))
        return TierBounds(high, min(high, both))

    def _spend_at(self, share: float) -> float:
        shares, spends = self._points
        if share <= 0.0 or not shares:
            return inf
        return spends[min(bisect_left(shares, share - _ROUNDING), len(shares) - 1)]


def value_curve(spend_minor: Floats) -> ValueCurve:
    """Of the expected spend of all customers, (n,), none negative; CURVE_POINTS points at most, even in share."""
    descending, counts = np.unique(spend_minor, return_counts=True)
    descending, held = descending[::-1], np.cumsum((descending * counts)[::-1])
    if not len(held) or held[-1] <= 0.0:
        return ValueCurve(np.empty(0), np.empty(0))
    share = held / held[-1]
    kept = np.unique(np.searchsorted(share, np.linspace(0, 1, CURVE_POINTS + 1)[1:]).clip(max=len(share) - 1))
    return ValueCurve(descending[kept], share[kept])


def spend_if_staying(spend: Number, churn_risk: Number, of: Arithmetic = ONE) -> Number:
    """What a customer spends in the horizon if they buy in it at all: E[spend] / P(purchase). What is at stake."""
    return spend / of.larger(1.0 - churn_risk, LEAST_STAYING)
