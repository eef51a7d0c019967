"""Purchases that follow one another: how long to the next one, and whether there will be any.

After each purchase a customer stays with the item with probability `stays`, or has bought it for the last time. Who
stays buys again after a time whose hazard never falls, in units of their own gap. So

    P(bought within d | silent for t) = A(t) (1 − exp(Ψ(t/g) − Ψ((t + d)/g)))

with the gap g, the cumulated hazard Ψ (convex) and A(t) the chance that the customer still stays: by Bayes' rule, from
the due date on; before it silence is no evidence. So the probability does not fall before the item is due, and rises
with d.

A gap is the mean of the customer's own gaps and of `gap_weight` gaps of the item: the posterior mean where gaps are
gamma distributed about a mean with the conjugate inverse gamma (P. Diaconis and D. Ylvisaker, 1979). Staying is shrunk
in the same way, Beta-Bernoulli, as in P. S. Fader, B. G. S. Hardie and K. L. Lee (2005). Items are shrunk to their
category, and that to the shop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats

Ints = NDArray[np.int64]

DUE_PHASE: Final = 1.0
"""The silence at which an item is due, in gaps."""
_SHORTEST_DAYS: Final = 0.5
"""A gap is no shorter: orders a minute apart are no rhythm."""
_NUMBERS: Final = ("gap_weight", "stay_weight", "stretch")
_ARRAYS: Final = ("phases", "hazards", "gap_days", "stays", "pack")
"""Fields of a Renewal in their order, arrays first."""


class Bought(NamedTuple):
    """What is known of purchases, (n,) each, one a customer and item. What was given back is not bought."""

    orders: Floats
    quantity: Floats
    first_us: Floats
    last_us: Floats


class Waiting(NamedTuple):
    """Where customers are between two purchases, (n,) each."""

    gap_days: Floats
    phase: Floats
    """Silence in gaps."""
    stays: Floats
    """The chance that there will be another purchase, of which silence is evidence from the due date on."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The rhythms of items, and what is common to all of them.

    `phases` (k,) ascending from 0 and `hazards` (k,), the hazard from each on, not descending. `gap_days`, `stays` and
    `pack` (rhythms,): the gap, the chance of another purchase, and the units of one purchase.
    """

    phases: Floats
    hazards: Floats
    gap_days: Floats
    stays: Floats
    pack: Floats
    gap_weight: float
    """Gaps of the item that weigh as much as the customer's own."""
    stay_weight: float
    """The same of having stayed."""
    stretch: float
    """The power of units above `pack` by which a gap grows, in [0, 1]: 1 is twice as long for twice as much."""
    _sums: Floats = field(init=False, repr=False, compare=False)
    """(k,): Ψ at each of the phases."""

    def __post_init__(self) -> None:
        sums = np.append(0.0, np.cumsum(self.hazards[:-1] * np.diff(self.phases)))
        object.__setattr__(self, "_sums", sums)

    def wait(self, bought: Bought, rhythms: Ints, as_of_us: int) -> Waiting:
        """Of each purchase history with the rhythm at that place."""
        return self.wait_for(*self.expect(bought, rhythms), bought, as_of_us)

    def wait_for(self, gap_days: Floats, stays: Floats, bought: Bought, as_of_us: int) -> Waiting:
        """`wait`, of what is expected already."""
        phase = np.maximum(as_of_us - bought.last_us, 0.0) / (DAY_US * gap_days)
        return Waiting(gap_days, phase, self._silenced(stays, phase))

    def expect(self, bought: Bought, rhythms: Ints) -> tuple[Floats, Floats]:
        """(n,) each, at the last purchase: the days to the next one, and the chance that there will be one."""
        repeats = bought.orders - 1.0
        mean_pack = np.maximum(bought.quantity / bought.orders, 1e-9) / self.pack[rhythms]
        usual_days = self.gap_days[rhythms] * mean_pack**self.stretch
        own_days = (bought.last_us - bought.first_us) / DAY_US
        gap_days = (self.gap_weight * usual_days + own_days) / (self.gap_weight + repeats)
        stays = (self.stay_weight * self.stays[rhythms] + repeats) / (self.stay_weight + repeats)
        return np.maximum(gap_days, _SHORTEST_DAYS), stays

    def hazard(self, waiting: Waiting, days: float | Floats) -> Floats:
        """−ln P(none in `days`)."""
        until = self.cumulated(waiting.phase + days / waiting.gap_days)
        bought = -np.expm1(self.cumulated(waiting.phase) - until)
        return np.asarray(-np.log1p(-np.minimum(waiting.stays * bought, 1.0 - 1e-12)))

    def cumulated(self, phase: Floats) -> Floats:
        """Ψ, (n,)."""
        beyond = np.maximum(phase - self.phases[-1], 0.0) * self.hazards[-1]
        return np.asarray(np.interp(phase, self.phases, self._sums) + beyond)

    def _silenced(self, stays: Floats, phase: Floats) -> Floats:
        silent = stays * np.exp(-self.cumulated(np.maximum(phase, DUE_PHASE)))
        return np.asarray(silent / (silent + 1.0 - stays))

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What `from_arrays` reads."""
        numbers = {name: np.asarray(getattr(self, name), np.float64) for name in _NUMBERS}
        return numbers | {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> Self:
        """Raises KeyError where one is missing."""
        columns: list[Any] = [np.asarray(arrays[name], np.float64) for name in _ARRAYS]
        return cls(*columns, *(float(arrays[name]) for name in _NUMBERS))
