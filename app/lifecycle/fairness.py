"""Whether another policy treats some customers otherwise beside all others than they are treated now.

Of members g of an attribute, with s(g) the share of them for whom an action is chosen and s(r) that of all its other
members,

    ratio = (s′(g) / s′(r)) / (s(g) / s(r))

is how many times as often they are chosen beside the others as before. A hundredth is put to each share, so that what
hardly anybody is given, before or after, decides nothing. A change is disparate where both the ratio and what comes of
it, s′(g) / s′(r), are below four fifths, or both above five fourths, and the ratio by more than chance: the
four-fifths rule with significance of the Uniform Guidelines on Employee Selection Procedures (29 CFR 1607.4 D, 1978),
of a change. One that makes shares alike is none. Its interval is of the logarithm, by the delta
method, paired by customer, and wide enough for all comparisons together (Bonferroni) to be right 19 times of 20.
"""

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOUR_FIFTHS: Final = 0.8
FEWEST_MEMBERS: Final = 50
"""Of fewer, or beside fewer others, nothing is said: the law of large numbers is of large ones."""
FALSE_ALARM: Final = 0.05
"""How often one of all comparisons may be off by chance."""
_HARDLY: Final = 0.01


class Shift(NamedTuple):
    """How often customers of a group are chosen for something, beside the attribute's others: shares before and after,
    and how many times as often as before, with its interval."""

    attribute: str
    member: str
    chosen: str
    customers: int
    before: float
    after: float
    before_others: float
    after_others: float
    ratio: float
    low: float
    high: float

    @property
    def is_disparate(self) -> bool:
        """Whether it sets them apart by more than is tolerable, and than chance explains."""
        beside = (self.after + _HARDLY) / (self.after_others + _HARDLY)
        is_apart = max(self.ratio, beside) < FOUR_FIFTHS or min(self.ratio, beside) > 1 / FOUR_FIFTHS
        return is_apart and not self.low <= 1.0 <= self.high


def find_shifts(
    members: Mapping[tuple[str, str], Bools], chosen: Sequence[str], before: Floats, after: Floats
) -> list[Shift]:
    """Of n customers; `members` are by attribute and value, (n,) each, `before` and `after` (n, chosen) the
    probabilities with which each is chosen for each. What nobody is chosen for is left out."""
    sides = {key: (own, _others(members, key)) for key, own in members.items()}
    large = {key: each for key, each in sides.items() if min(side.sum() for side in each) >= FEWEST_MEMBERS}
    met: list[int] = np.flatnonzero((before + after).any(axis=0)).tolist()
    reach = NormalDist().inv_cdf(1 - FALSE_ALARM / 2 / max(len(large) * len(met), 1))
    return [
        _shift_of(key, chosen[place], each, before[:, place], after[:, place], reach)
        for key, each in large.items()
        for place in met
    ]


def _others(members: Mapping[tuple[str, str], Bools], key: tuple[str, str]) -> Bools:
    """Who is known to be another member of the attribute."""
    found = np.zeros_like(members[key])
    for other, each in members.items():
        found |= each if other[0] == key[0] and other != key else False
    return found & ~members[key]


def _shift_of(
    key: tuple[str, str], chosen: str, sides: tuple[Bools, Bools], before: Floats, after: Floats, reach: float
) -> Shift:
    own, others = sides
    mine, theirs = _change_of(before[own], after[own]), _change_of(before[others], after[others])
    middle = log(mine.after + _HARDLY) - log(mine.before + _HARDLY)
    middle -= log(theirs.after + _HARDLY) - log(theirs.before + _HARDLY)
    half = reach * sqrt(mine.variance + theirs.variance)
    shares = (mine.before, mine.after, theirs.before, theirs.after)
    return Shift(*key, chosen, int(own.sum()), *shares, exp(middle), exp(middle - half), exp(middle + half))


class _Change(NamedTuple):
    before: float
    after: float
    variance: float
    """Of log(after / before)."""


def _change_of(before: Floats, after: Floats) -> _Change:
    was, becomes = float(before.mean()), float(after.mean())
    spread = (after / (becomes + _HARDLY) - before / (was + _HARDLY)).var(ddof=1)
    return _Change(was, becomes, float(spread) / len(before))
