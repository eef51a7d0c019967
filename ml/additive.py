"""The additive model: boosted trees of one feature each, compiled into step tables."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.scorer import StepTables

MAX_BINS = 128

_RAISE = ("recency_days", "recency_share", "silence_ratio", "rhythm_days", "last_gap_days")
_LOWER = ("orders", "orders_per_day", "net_spend", "orders_decayed", "spend_decayed", "items_decayed")
DIRECTIONS = np.array(
    [
        1 if name in _RAISE else -1 if name in _LOWER or name.rpartition("_")[0] in _LOWER else 0
        for name in FEATURE_NAMES
    ]
)
"""Which way a feature may move the risk of churn, 0: either. More silence never lowers it and more
purchases never raise it: costs no accuracy, and keeps reasons that no retailer would believe out."""


@dataclass(frozen=True, slots=True)
class AdditiveModel:
    """A fitted estimator, the bin edges of its inputs and the step tables equal to it."""

    estimator: HistGradientBoostingClassifier
    edges: tuple[Floats, ...]
    tables: StepTables


def bin_edges(column: Floats, most: int = MAX_BINS) -> Floats:
    """At most `most` − 1 ascending edges between the known values, of about equal mass."""
    known = column[~np.isnan(column)]
    if not known.size:
        return np.empty(0)
    quantiles = np.quantile(known, np.linspace(0, 1, most + 1)[1:-1], method="higher")
    return np.unique(quantiles[quantiles > known.min()])


def bin_codes(features: Floats, edges: tuple[Floats, ...]) -> Floats:
    """Feature values → bin numbers from 0, NaN kept: what the estimator sees."""
    codes = np.column_stack(
        [np.searchsorted(edge, features[:, j], side="right").astype(float) for j, edge in enumerate(edges)]
    )
    codes[np.isnan(features)] = np.nan
    return codes


def fit_additive(features: Floats, churned: NDArray[np.bool_], seed: int = 0) -> AdditiveModel:
    """Boosted trees restricted to one feature a tree (`interaction_cst="no_interactions"`).

    `features` is (n, len(FEATURES)), `churned` (n,). Features without two known values have no say.
    """
    edges = tuple(bin_edges(features[:, j]) for j in range(features.shape[1]))
    used = np.array([len(edge) > 0 for edge in edges])
    estimator = HistGradientBoostingClassifier(
        interaction_cst="no_interactions",
        monotonic_cst=DIRECTIONS[used],
        learning_rate=0.04,
        max_iter=250,
        max_leaf_nodes=8,
        min_samples_leaf=60,
        l2_regularization=10.0,
        random_state=seed,
    )
    codes = bin_codes(features, edges)
    with threadpool_limits(1):
        estimator.fit(codes[:, used], churned)
    return AdditiveModel(estimator, edges, read_tables(estimator.decision_function, codes, edges, used))


def read_tables(
    score: Callable[[Floats], Floats], codes: Floats, edges: tuple[Floats, ...], used: NDArray[np.bool_]
) -> StepTables:
    """Step tables of any additive `score` of bin numbers.

    Varies one feature over its bins with the others fixed; exact, since the score is additive.
    Each table is centred on the training rows, so that a term is the difference to the average
    customer and the intercept is the average score.
    """
    columns = np.flatnonzero(used)
    probes, spans = [], []
    for position, j in enumerate(columns):
        block = np.zeros((len(edges[j]) + 2, len(columns)))
        block[:, position] = [np.nan, *range(len(edges[j]) + 1)]
        spans.append(len(block))
        probes.append(block)
    scores = np.split(score(np.concatenate(probes)), np.cumsum(spans)[:-1])
    intercept = float(score(np.zeros((1, len(columns))))[0])
    base = intercept
    steps = [np.zeros(len(edge) + 2) for edge in edges]
    for j, column_scores in zip(columns, scores, strict=True):
        rows = np.nan_to_num(codes[:, j] + 1, nan=0.0).astype(int)
        term = column_scores - base
        centre = float(term[rows].mean())
        steps[j] = term - centre
        intercept += centre
    return StepTables(intercept, edges, tuple(steps))
