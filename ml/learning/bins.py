"""Bins of feature values: what step tables have one step each of."""

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats

MAX_BINS = 128


def bin_edges(column: Floats, most: int = MAX_BINS) -> Floats:
    """At most `most` − 1 ascending edges between the known values, of about equal mass.

    Few distinct values each have a bin of their own, however rare: most customers never complain.
    """
    known = column[~np.isnan(column)]
    distinct = np.unique(known)
    if len(distinct) <= most:
        return distinct[1:]
    parts = np.linspace(0, 1, most + 1)[1:-1]
    edges = np.unique(np.quantile(known, parts, method="higher"))
    edges = edges[edges > distinct[0]]
    return edges if len(edges) else np.unique(np.quantile(distinct, parts, method="higher"))


def has_say(edges: tuple[Floats, ...]) -> NDArray[np.bool_]:
    """(features,): those that take at least two values."""
    return np.array([len(edge) > 0 for edge in edges])


def position(feature: int, edges: tuple[Floats, ...]) -> int:
    """The column of a feature among those that have a say."""
    return int(np.count_nonzero(has_say(edges)[:feature]))


def bin_codes(features: Floats, edges: tuple[Floats, ...]) -> Floats:
    """Feature values → bin numbers from 0, NaN kept, of the features that have a say."""
    columns = [
        np.where(np.isnan(column), np.nan, np.searchsorted(edge, column, side="right"))
        for column, edge in zip(features.T, edges, strict=True)
        if len(edge)
    ]
    return np.column_stack([np.empty((len(features), 0)), *columns])


def places(codes: Floats) -> NDArray[np.int64]:
    """Bin numbers, NaN for unknown → places in a table whose first entry is of the unknown."""
    return np.nan_to_num(codes + 1, nan=0.0).astype(np.int64)
