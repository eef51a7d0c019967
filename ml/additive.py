"""The additive model: boosted trees of one feature each, compiled into step tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.scorer import StepTables

MAX_BINS = 128
BAGS = 4
BAG_SHARE = 0.6

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
    """Fitted estimators, the bin edges of their inputs, and the step tables equal to their mean.

    The estimators' last input is the period (0 to `periods` − 1); the tables are of the last one.
    """

    estimators: tuple[HistGradientBoostingClassifier, ...]
    edges: tuple[Floats, ...]
    periods: int
    tables: StepTables

    def log_odds(self, features: Floats) -> Floats:
        """(n, features) → (n,), from the tables, as the server computes it."""
        return np.asarray(self.tables.intercept + self.tables.terms(features).sum(axis=1))


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


def bin_codes(features: Floats, edges: tuple[Floats, ...]) -> Floats:
    """Feature values → bin numbers from 0, NaN kept, of the features that have a say."""
    columns = [
        np.where(np.isnan(column), np.nan, np.searchsorted(edge, column, side="right"))
        for column, edge in zip(features.T, edges, strict=True)
        if len(edge)
    ]
    return np.column_stack([np.empty((len(features), 0)), *columns])


def fit_additive(
    features: Floats,
    churned: NDArray[np.bool_],
    customer_ids: NDArray[Any] | None = None,
    cutoffs_us: NDArray[np.int64] | None = None,
    directions: NDArray[np.int64] = DIRECTIONS,
    seed: int = 0,
) -> AdditiveModel:
    """Boosted trees restricted to one feature a tree (`interaction_cst="no_interactions"`).

    `features` is (n, len(FEATURES)), `directions` (len(FEATURES),), the others (n,); without them
    every row is another customer, of one period. Which period (cut-off) a row is of is one more
    input, so that what a whole period did is not put on features that grow with time. The mean of a
    few models, each fitted to a share of the customers: rows of one customer at neighbouring
    cut-offs are nearly the same, so customers are drawn, not rows.
    """
    rows = np.arange(len(features))
    _, customers = np.unique(rows if customer_ids is None else customer_ids.astype(str), return_inverse=True)
    distinct, periods = np.unique(0 * rows if cutoffs_us is None else cutoffs_us, return_inverse=True)
    edges = tuple(bin_edges(column) for column in features.T)
    codes = bin_codes(features, edges)
    inputs, draw = np.column_stack([codes, periods]), np.random.default_rng(seed)
    ways, estimators = np.append(directions[has_say(edges)], 0), []
    for bag in range(BAGS):
        kept = (draw.random(customers.max() + 1) < BAG_SHARE)[customers]
        estimators.append(_fit_bag(inputs[kept], churned[kept], ways, seed + bag))
    tables = read_tables(mean_log_odds(estimators, len(distinct)), codes, edges)
    return AdditiveModel(tuple(estimators), edges, len(distinct), tables)


def _fit_bag(
    inputs: Floats, churned: NDArray[np.bool_], directions: NDArray[np.int64], seed: int
) -> HistGradientBoostingClassifier:
    estimator = HistGradientBoostingClassifier(
        interaction_cst="no_interactions",
        monotonic_cst=directions,
        learning_rate=0.04,
        max_iter=250,
        max_leaf_nodes=8,
        min_samples_leaf=60,
        l2_regularization=10.0,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1):
        return estimator.fit(inputs, churned)


def mean_log_odds(estimators: Sequence[HistGradientBoostingClassifier], periods: int) -> Callable[[Floats], Floats]:
    """The estimators' mean decision function of bin codes, as of the last period."""

    def score(codes: Floats) -> Floats:
        inputs = np.column_stack([codes, np.full(len(codes), periods - 1.0)])
        with threadpool_limits(1):
            scores = [estimator.decision_function(inputs) for estimator in estimators]
        return np.asarray(np.mean(scores, axis=0))

    return score


def read_tables(score: Callable[[Floats], Floats], codes: Floats, edges: tuple[Floats, ...]) -> StepTables:
    """Step tables of any additive `score` of bin codes; `codes` are those of the training rows.

    Varies one feature over its bins with the others fixed; exact, since the score is additive.
    Each table is centred on the training rows, so that a term is the difference to the average
    customer and the intercept is the average score.
    """
    columns = np.flatnonzero(has_say(edges))
    probes, spans = [], []
    for position, j in enumerate(columns):
        block = np.zeros((len(edges[j]) + 2, len(columns)))
        block[:, position] = [np.nan, *range(len(edges[j]) + 1)]
        spans.append(len(block))
        probes.append(block)
    scores = np.split(score(np.concatenate(probes)), np.cumsum(spans)[:-1])
    intercept = base = float(score(np.zeros((1, len(columns))))[0])
    steps = [np.zeros(len(edge) + 2) for edge in edges]
    for position, (j, column_scores) in enumerate(zip(columns, scores, strict=True)):
        bins = np.nan_to_num(codes[:, position] + 1, nan=0.0).astype(int)
        term = column_scores - base
        centre = float(term[bins].mean())
        steps[j] = term - centre
        intercept += centre
    return StepTables(intercept, edges, tuple(steps))
