"""The line in the additive model: a regression on what classic models say, in the link of the target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from app.lifecycle.features import Floats
from app.lifecycle.targets import Link
from ml.learning.bins import places

LINE_BINS = 256
_LOWEST = 1e-3
"""The share of customers at the low end that a line need not tell apart: next to nothing is expected of them."""
_CERTAIN, _LEAST = 1e-9, 1e-6
_RIDGE = 1e-4


class Companion(Protocol):
    """What has the half of a score that the trees have not: the line, or what `ml.learning.distilling` makes of it."""

    @property
    def features(self) -> tuple[int, ...]:
        """Those whose bin codes it reads."""

    def score(self, codes: Floats, periods: NDArray[np.int64] | int) -> Floats:
        """Bin codes of its features (features, n), and the period of each or of all → (n,) in the link."""


@dataclass(frozen=True, slots=True)
class Line:
    """A regression on a few features, each a value a bin; its other inputs are the periods.

    `values[i]` is (bins + 1,) for `features[i]`, that of an unknown first; `slopes` is (features,),
    `levels` (periods,), both in the link.
    """

    features: tuple[int, ...]
    values: tuple[Floats, ...]
    slopes: Floats
    levels: Floats

    def score(self, codes: Floats, periods: NDArray[np.int64] | int) -> Floats:
        """Bin codes of its features (features, n), and the period of each or of all → (n,) in the link."""
        columns = zip(self.slopes, self.values, codes, strict=True)
        return np.asarray(self.levels[periods] + sum(slope * values[places(code)] for slope, values, code in columns))


def line_edges(column: Floats, link: Link) -> Floats:
    """At most LINE_BINS − 1 ascending edges, evenly spaced in the link up to the highest value: bins of
    equal mass would lump the best customers together. None where one value is all there is.

    Values that an amount cannot have (0 and below) fall into the lowest bin.
    """
    known = column[~np.isnan(column)]
    if link is Link.LOG:
        known = known[known > 0]
    known = _linked(known, link)
    if not known.size or known.min() == known.max():
        return np.empty(0)
    highest = known.max()
    lowest = np.quantile(known, _LOWEST)
    lowest = lowest if lowest < highest else known.min()
    edges: Floats = np.unique(link.invert(np.linspace(lowest, highest, LINE_BINS + 1)[1:-1]))
    return edges


def fit_line(
    features: tuple[int, ...],
    codes: Floats,
    edges: Sequence[Floats],
    periods: NDArray[np.int64],
    outcome: Floats,
    link: Link,
    weights: Floats | None = None,
) -> Line:
    """`codes` (features, n) and `edges` are those of the features; `periods`, `outcome` and `weights` are (n,)."""
    bins, values = [places(code) for code in codes], [_middles(edge, link) for edge in edges]
    for value, at in zip(values, bins, strict=True):
        value[0] = value[at[at > 0]].mean()
    columns = [value[at] for value, at in zip(values, bins, strict=True)]
    logistic = link is Link.LOG_ODDS
    kind = LogisticRegression(max_iter=1000) if logistic else PoissonRegressor(alpha=_RIDGE, max_iter=1000)
    regression = kind.fit(np.column_stack([*columns, np.eye(periods.max() + 1)[periods]]), outcome, weights)
    slopes = np.ravel(regression.coef_)
    return Line(features, tuple(values), slopes[: len(features)], slopes[len(features) :] + regression.intercept_)


def _middles(edges: Floats, link: Link) -> Floats:
    """(edges + 2,): the middle of each bin in the link, behind a place for the unknown."""
    at = _linked(edges, link)
    half = float(at[-1] - at[0]) / max(len(at) - 1, 1) / 2
    return np.array([0.0, at[0] - half, *((at[1:] + at[:-1]) / 2), at[-1] + half])


def _linked(values: Floats, link: Link) -> Floats:
    """The link of probabilities or amounts, kept off its infinite ends."""
    if link is Link.LOG_ODDS:
        chance = values.clip(_CERTAIN, 1 - _CERTAIN)
        return np.asarray(np.log(chance / (1 - chance)))
    return np.asarray(np.log(np.maximum(values, _LEAST)))
