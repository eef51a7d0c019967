"""Drift: how far the customers of today have moved from those that a model learned from.

The population stability index of a feature is Σ (q − p) ln(q / p) over its bins, p being the share of the
reference in a bin and q the share of today (N. Siddiqi, Credit Risk Scorecards, 2006, chapter 9; it is the
symmetric divergence of H. Jeffreys, 1946). The custom is to read .1 as a shift and .25 as another population.
Of samples of n and m customers from one population it comes to about (bins − 1)(1/n + 1/m).

Bins are tenths of the reference, and one for what is unknown. Bins that are empty in both are left out; to
each of the others half a customer is added on both sides, so that a bin that is empty in one has a finite
part that shrinks as the samples grow.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import FEATURE_NAMES, Floats

Integers = NDArray[np.int64]
Reference = Mapping[str, NDArray[Any]]
"""Arrays by name, as an artefact keeps them."""

BINS: Final = 10
_EDGES, _COUNTS = "edges", "counts"
_ADDED: Final = 0.5


def reference(features: Floats) -> dict[str, NDArray[Any]]:
    """What `psi` compares with, of the (n, F) features that a model learned from; NaN = unknown.

    `edges` (F, BINS − 1) ascend, with repeats where one value fills several tenths, zeros where nothing is
    known; `counts` (F, BINS + 1): customers unknown, then in (−∞, edge₀), [edge₀, edge₁), …, [edge₈, ∞).
    """
    columns = np.asarray(features, np.float64).T
    edges = np.array([_tenths(column) for column in columns]).reshape(len(columns), BINS - 1)
    return {_EDGES: edges, _COUNTS: _count_all(columns, edges)}


def check_reference(reference: Reference, features: int = len(FEATURE_NAMES)) -> tuple[Floats, Integers]:
    """Its edges and counts. Raises ValueError where they are not of so many features, KeyError where one is missing."""
    edges, counts = np.asarray(reference[_EDGES], np.float64), np.asarray(reference[_COUNTS], np.int64)
    if (edges.shape, counts.shape) != ((features, BINS - 1), (features, BINS + 1)):
        raise ValueError("a reference of drift that is of other features")
    if not np.isfinite(edges).all() or (np.diff(edges) < 0).any() or (counts < 0).any():
        raise ValueError("a reference of drift whose edges do not ascend, or whose counts are none")
    return edges, counts


def place(reference: Reference, places: Sequence[int | None], features: int) -> dict[str, NDArray[Any]]:
    """A reference of so many features over those of `places`: of each its place, None: it has none, nobody is counted.

    Raises what `check_reference` does.
    """
    edges, counts = check_reference(reference, features)
    at, known = [place or 0 for place in places], np.array([place is not None for place in places])[:, None]
    return {_EDGES: np.where(known, edges[at], 0.0), _COUNTS: np.where(known, counts[at], 0)}


def count_reference(reference: Reference) -> int:
    """How many customers it is of."""
    return int(check_reference(reference)[1].sum(axis=1).max())


def psi(reference: Reference, features: Floats) -> dict[str, float]:
    """Feature → population stability index of (n, F) features, F = len(FEATURE_NAMES), against a reference.

    None of a feature of which the reference counts nobody: the model does not know it.
    Raises what `check_reference` does, and ValueError for features of another number.
    """
    edges, counts = check_reference(reference)
    columns = np.asarray(features, np.float64).T
    if len(columns) != len(FEATURE_NAMES):
        raise ValueError("a reference of drift that is of other features")
    found = _count_all(columns, edges)
    return {name: divergence(*pair) for name, *pair in zip(FEATURE_NAMES, counts, found, strict=True) if pair[0].any()}


def _tenths(column: Floats) -> Floats:
    """Of n known values in order, those at n/10, 2n/10, …: each bin begins with one."""
    known = np.sort(column[~np.isnan(column)])
    return known[len(known) * np.arange(1, BINS) // BINS] if len(known) else np.zeros(BINS - 1)


def _count_all(columns: Floats, edges: Floats) -> Integers:
    return np.array([_count(*pair) for pair in zip(columns, edges, strict=True)], np.int64).reshape(-1, BINS + 1)


def _count(column: Floats, edges: Floats) -> Integers:
    bins = np.searchsorted(edges, column, side="right") + 1
    bins[np.isnan(column)] = 0
    return np.bincount(bins, minlength=BINS + 1)


def divergence(expected: Integers, found: Integers) -> float:
    """The population stability index of counts (k,) against others."""
    is_used = (expected > 0) | (found > 0)
    p, q = expected[is_used] + _ADDED, found[is_used] + _ADDED
    p, q = p / p.sum(), q / q.sum()
    return float((q - p) @ np.log(q / p))
