"""One- and two-way tables: a score of items whose terms are its reasons, exactly.

score(x) = intercept + Σ_j one[j][bin of x_j] + Σ_p two[p][bin of x_a, bin of x_b], where a and b are the pair p. The
two-way tables are purified: what a pair says is nothing that either of its signals says alone (B. Lengerich et al.,
"Purifying Interaction Effects with the Functional ANOVA", 2020).

A bin is of what `cut` leaves of a value, 16 bits: so it is looked up, without a search, by those bits.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats

Codes = NDArray[np.uint8]
Places = NDArray[np.intp]
Numbers = NDArray[np.floating[Any]]
_CELLS: Final = 1 << 16
_UPPER: Final = 0 if sys.byteorder == "big" else 1
_ARRAYS: Final = ("intercept", "edges", "edge_counts", "one", "pairs", "two")


def cut(values: Numbers) -> Floats:
    """The 8 leading bits of each number, what follows cut off: within 1 of 128, whole numbers to 256 as they are."""
    return _numbers(_cells(values))


def _cells(values: Numbers) -> NDArray[np.uint16]:
    """The upper half of each as a number of 32 bits: sign, exponent and 7 bits after the first."""
    return np.ascontiguousarray(values, np.float32).view(np.uint16)[..., _UPPER::2]


def _numbers(cells: NDArray[np.uint16]) -> Floats:
    with np.errstate(invalid="ignore"):  # among all cells are NaNs of every kind
        return np.asarray(np.left_shift(cells, 16, dtype=np.uint32).view(np.float32), np.float64)


def count_cut(values: Numbers) -> tuple[Floats, NDArray[np.int64]]:
    """What `cut` leaves of the known ones, each once and ascending, and of how many."""
    counts = np.bincount(_cells(values), minlength=_CELLS)
    counts[0] += counts[_MINUS_ZERO]
    counts = counts[_ASCENDING]
    return _EVERY[_ASCENDING][counts > 0], counts[counts > 0]


_EVERY: Final = _numbers(np.arange(_CELLS, dtype=np.uint16))
"""What `cut` may leave, by its bits."""
_MINUS_ZERO: Final = 1 << 15
_KNOWN: Final = np.flatnonzero(~np.isnan(_EVERY) & (np.arange(_CELLS) != _MINUS_ZERO))
_ASCENDING: Final = _KNOWN[_EVERY[_KNOWN].argsort()]
"""Cells by their numbers, zero once."""


class _Lookups(NamedTuple):
    """k tables of one signal each, or of two, in one row of values."""

    values: Floats
    begins: Places
    """(k, 1)."""
    width: int
    signals: tuple[Places, ...]
    """(k,) each."""

    @classmethod
    def of(cls, tables: Floats, *signals: Places) -> "_Lookups":
        begins = np.arange(len(tables))[:, None] * tables[:1].size
        return cls(tables.ravel(), begins, tables.shape[1], signals)

    def look_up(self, codes: Codes) -> Floats:
        """(S, n) → (k, n)."""
        *first, last = (codes.take(of_table, axis=0) for of_table in self.signals)
        places = self.begins + last
        for of_first in first:
            places += np.multiply(of_first, self.width, dtype=np.intp)
        return np.asarray(self.values.take(places))


@dataclass(frozen=True, slots=True)
class PairTables:
    """Of S signals and P pairs of them, all tables of one width B: the most bins that a signal has.

    `edges[j]` ascends, at most B − 2; bin 0 is of the unknown (NaN), 1 of (−∞, edge₀), 2 of [edge₀, edge₁), …, of
    values that are `cut`. Raises ValueError for more bins than are counted in a byte.
    """

    intercept: float
    edges: tuple[Floats, ...]
    one: Floats
    """(S, B)."""
    pairs: NDArray[np.int64]
    """(P, 2): places of signals."""
    two: Floats
    """(P, B, B)."""
    _bins: tuple[Places, Codes] = field(init=False, repr=False, compare=False)
    _scored: tuple["_Lookups", "_Lookups"] = field(init=False, repr=False, compare=False)
    """Of the signals that are in no pair, and of pairs, what their signals say alone in one of them: fewer look-ups."""
    _told: tuple["_Lookups", "_Lookups"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.one.shape[1] > np.iinfo(np.uint8).max:
            raise ValueError("tables of more bins than are counted")
        begins = np.arange(len(self.edges))[:, None] * _CELLS
        object.__setattr__(self, "_bins", (begins, np.concatenate([_bins_of(edges) for edges in self.edges])))
        every = np.arange(len(self.one))
        object.__setattr__(self, "_told", (_Lookups.of(self.one, every), _Lookups.of(self.two, *self.pairs.T)))
        folded, alone = self._fold()
        object.__setattr__(self, "_scored", (_Lookups.of(self.one[alone], alone), _Lookups.of(folded, *self.pairs.T)))

    def _fold(self) -> tuple[Floats, Places]:
        """The pairs with what their signals say alone, each told in one of them; and the signals that are in none."""
        folded, is_alone = self.two.copy(), np.ones(len(self.one), bool)
        for table, (a, b) in zip(folded, self.pairs.tolist(), strict=True):
            if is_alone[a]:
                table += self.one[a, :, None]
            if is_alone[b]:
                table += self.one[b]
            is_alone[[a, b]] = False
        return folded, np.flatnonzero(is_alone)

    def codes(self, signals: Numbers, first: int = 0) -> Codes:
        """(k, n) → (k, n): the bins of the signals from `first` on."""
        begins, bins = self._bins
        return np.asarray(bins.take(_cells(signals) + begins[first : first + len(signals)]))

    def score_codes(self, codes: Codes) -> Floats:
        """(S, n) → (n,)."""
        one, two = self._scored
        return np.asarray(self.intercept + one.look_up(codes).sum(axis=0) + two.look_up(codes).sum(axis=0))

    def score(self, signals: Numbers) -> Floats:
        """(S, n) → (n,)."""
        return self.score_codes(self.codes(signals))

    def terms(self, codes: Codes) -> Floats:
        """(S, n) → (S + P, n): what each signal adds to a score, and each pair beyond its two."""
        return np.concatenate([part.look_up(codes) for part in self._told])

    def pack(self) -> dict[str, NDArray[Any]]:
        """As plain arrays, for an .npz."""
        counts = np.array([len(edges) for edges in self.edges], np.int64)
        edges = np.concatenate([*self.edges, np.empty(0)])
        arrays = (np.array([self.intercept]), edges, counts, self.one, self.pairs, self.two)
        return dict(zip(_ARRAYS, arrays, strict=True))


def _bins_of(edges: Floats) -> Codes:
    """(_CELLS,): the bin of each value that `cut` may leave."""
    bins = edges.searchsorted(_EVERY, side="right").astype(np.uint8) + np.uint8(1)
    bins[np.isnan(_EVERY)] = 0
    return bins


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
