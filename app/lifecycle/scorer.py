"""Step tables: an additive model as one look-up per feature.

A score is an intercept plus one term per feature, so the terms are the reasons, exactly.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import tanh

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats


@dataclass(frozen=True, slots=True)
class StepTables:
    """score(x) = intercept + Σ_j steps[j][bin of x_j].

    `edges[j]` ascends, (k_j,); `steps[j]` is (k_j + 2,): the term of an unknown (NaN) value, then of
    the intervals (−∞, edge₀), [edge₀, edge₁), …, [edge_k−1, ∞). Features without a say have no
    edges and zero steps.
    """

    intercept: float
    edges: tuple[Floats, ...]
    steps: tuple[Floats, ...]
    _lists: tuple[list[list[float]], list[list[float]], list[float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = [steps[1:].tolist() for steps in self.steps]
        unknown = [float(steps[0]) for steps in self.steps]
        object.__setattr__(self, "_lists", ([edges.tolist() for edges in self.edges], known, unknown))

    def terms(self, features: Floats) -> Floats:
        """(n, features) → (n, features): each feature's part of the score."""
        terms = np.empty(features.shape)
        for j, (edges, steps) in enumerate(zip(self.edges, self.steps, strict=True)):
            column = features[:, j]
            bins = np.searchsorted(edges, column, side="right") + 1
            bins[np.isnan(column)] = 0
            terms[:, j] = steps[bins]
        return terms

    def terms_of_one(self, features: Sequence[float]) -> list[float]:
        """`terms` of a single row; plain bisection beats array calls for one."""
        return [
            steps[bisect_right(edges, value)] if value == value else unknown  # NaN is unlike itself
            for value, edges, steps, unknown in zip(features, *self._lists, strict=True)
        ]


def sigmoid(log_odds: Floats) -> Floats:
    """Log-odds → probability, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds)))


def logistic(log_odds: float) -> float:
    """`sigmoid` of one number."""
    return 0.5 * (1.0 + tanh(0.5 * log_odds))


def strongest(terms: Sequence[float], most: int) -> list[int]:
    """Indices of the `most` terms of greatest size, strongest first; terms of zero are no reasons."""
    sizes = [abs(term) for term in terms]
    order = sorted(range(len(terms)), key=sizes.__getitem__, reverse=True)
    return [j for j in order[:most] if terms[j]]


def pack(tables: StepTables) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    """The tables as plain arrays, for an .npz."""
    return {
        "intercept": np.array([tables.intercept]),
        "edge_counts": np.array([len(edges) for edges in tables.edges], np.int64),
        "edges": np.concatenate(tables.edges) if tables.edges else np.empty(0),
        "steps": np.concatenate(tables.steps) if tables.steps else np.empty(0),
    }


def unpack(arrays: Mapping[str, NDArray[np.float64] | NDArray[np.int64]], features: int) -> StepTables:
    """Tables of so many features, from the arrays that `pack` makes.

    Raises ValueError where they do not fit together or hold what is no number, KeyError where one is missing.
    """
    counts, intercept = arrays["edge_counts"].astype(np.int64), arrays["intercept"].astype(np.float64)
    edges, steps = arrays["edges"].astype(np.float64), arrays["steps"].astype(np.float64)
    sizes = (len(counts), len(edges), len(steps), len(intercept))
    if sizes != (features, counts.sum(), (counts + 2).sum(), 1) or (counts < 0).any():
        raise ValueError(f"step tables of {len(edges)} edges and {len(steps)} steps do not fit their counts")
    columns = tuple(np.split(edges, np.cumsum(counts)[:-1]))
    numbers = np.concatenate((edges, steps, intercept))
    if not np.isfinite(numbers).all() or any((np.diff(column) <= 0).any() for column in columns):
        raise ValueError("step tables hold what is no number, or edges that do not ascend")
    return StepTables(float(intercept[0]), columns, tuple(np.split(steps, np.cumsum(counts + 2)[:-1])))
