"""One- and two-way tables: a score of items whose terms are its reasons, exactly.

score(x) = intercept + Σ_j one[j][bin of x_j] + Σ_p two[p][bin of x_a, bin of x_b], where a and b are the pair p. The
two-way tables are purified: what a pair says is nothing that either of its signals says alone (B. Lengerich et al.,
"Purifying Interaction Effects with the Functional ANOVA", 2020).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats

Codes = NDArray[np.intp]
_ARRAYS: Final = ("intercept", "edges", "edge_counts", "one", "pairs", "two")


@dataclass(frozen=True, slots=True)
class PairTables:
    """Of S signals and P pairs of them, all tables of one width B: the most bins that a signal has.

    `edges[j]` ascends, at most B − 2; bin 0 is of the unknown (NaN), 1 of (−∞, edge₀), 2 of [edge₀, edge₁), …
    """

    intercept: float
    edges: tuple[Floats, ...]
    one: Floats
    """(S, B)."""
    pairs: NDArray[np.int64]
    """(P, 2): places of signals."""
    two: Floats
    """(P, B, B)."""
    _flat: tuple[Codes, Codes, Floats, Floats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        width = self.one.shape[1]
        signals, pairs = np.arange(len(self.one)) * width, np.arange(len(self.two)) * width**2
        flat = (signals[:, None], pairs[:, None], self.one.ravel(), self.two.ravel())
        object.__setattr__(self, "_flat", flat)

    def codes(self, signals: Floats, first: int = 0) -> Codes:
        """(k, n) → (k, n): the bins of the signals from `first` on."""
        codes = np.empty(signals.shape, np.intp)
        for row, (column, edges) in enumerate(zip(signals, self.edges[first : first + len(signals)], strict=True)):
            codes[row] = edges.searchsorted(column, side="right")
        codes += 1
        codes[np.isnan(signals)] = 0
        return codes

    def score_codes(self, codes: Codes) -> Floats:
        """(S, n) → (n,)."""
        return np.asarray(self.intercept + self._of_one(codes).sum(axis=0) + self._of_two(codes).sum(axis=0))

    def score(self, signals: Floats) -> Floats:
        """(S, n) → (n,)."""
        return self.score_codes(self.codes(signals))

    def terms(self, codes: Codes) -> Floats:
        """(S, n) → (S + P, n): what each signal adds to a score, and each pair beyond its two."""
        return np.concatenate([self._of_one(codes), self._of_two(codes)])

    def _of_one(self, codes: Codes) -> Floats:
        at, _, one, _ = self._flat
        return np.asarray(one.take(codes + at))

    def _of_two(self, codes: Codes) -> Floats:
        _, at, _, two = self._flat
        first, second = self.pairs.T
        return np.asarray(two.take(codes[first] * self.one.shape[1] + codes[second] + at))

    def pack(self) -> dict[str, NDArray[Any]]:
        """As plain arrays, for an .npz."""
        counts = np.array([len(edges) for edges in self.edges], np.int64)
        edges = np.concatenate([*self.edges, np.empty(0)])
        arrays = (np.array([self.intercept]), edges, counts, self.one, self.pairs, self.two)
        return dict(zip(_ARRAYS, arrays, strict=True))


def unpack_tables(arrays: Mapping[str, NDArray[Any]], signals: int) -> PairTables:
    """The tables over so many signals. Raises ValueError where they do not fit together, KeyError where one lacks."""
    intercept, edges, counts, one, pairs, two = (arrays[name] for name in _ARRAYS)
    counts, pairs = counts.astype(np.int64), pairs.astype(np.int64)
    columns = [each.astype(np.float64) for each in (intercept, edges, one, two)]
    if (counts < 0).any() or (len(counts), len(edges)) != (signals, counts.sum()):
        raise ValueError(f"tables of {len(edges)} edges do not fit their counts")
    width = int(counts.max(initial=0)) + 2
    shapes = (columns[0].shape, columns[2].shape, columns[3].shape, pairs.shape)
    if shapes != ((1,), (signals, width), (len(pairs), width, width), (len(pairs), 2)):
        raise ValueError("tables do not fit one another")
    if len(pairs) and not (pairs.min() >= 0 and pairs.max() < signals and (pairs[:, 0] != pairs[:, 1]).all()):
        raise ValueError("tables of pairs that are none")
    split = _split(columns[1], counts)
    if any((np.diff(column) <= 0).any() for column in split):
        raise ValueError("tables whose edges do not ascend")
    if not all(np.isfinite(column).all() for column in columns):
        raise ValueError("tables hold what is no number")
    return PairTables(float(columns[0][0]), tuple(split), columns[2], pairs, columns[3])


def _split(edges: Floats, counts: NDArray[np.int64]) -> Sequence[Floats]:
    return np.split(edges, np.cumsum(counts)[:-1])
