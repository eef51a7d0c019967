"""The additive model, compiled into step tables: boosted trees of one feature each, pooled with a line.

The trees learn any shape, and what they learn of few cut-offs is noisy; the line is the classic
model's chance of a lapse, stretched to fit, which can hardly err and cannot learn more. The mean of
their log-odds is better than either, and as additive as both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.scorer import StepTables

MAX_BINS = 128
BAGS = 4
BAG_SHARE = 0.6
_CERTAIN = 1e-12

_RAISE = ("lapse_chance", "recency_days", "recency_share", "silence_ratio", "rhythm_days", "last_gap_days")
_LOWER = ("orders", "orders_per_day", "net_spend", "orders_decayed", "spend_decayed", "items_decayed")
DIRECTIONS = np.array(
    [
        1 if name in _RAISE else -1 if name in _LOWER or name.rpartition("_")[0] in _LOWER else 0
        for name in FEATURE_NAMES
    ]
)
"""Which way a feature may move the risk of churn, 0: either. More silence never lowers it and more
purchases never raise it: costs no accuracy, and keeps reasons that no retailer would believe out."""
LINE_ON = FEATURE_NAMES.index("lapse_chance")


@dataclass(frozen=True, slots=True)
class Line:
    """A logistic regression on the log-odds of a feature that is a probability, one value a bin.

    `values` is (bins + 1,), that of an unknown first; the regression's other inputs are the periods.
    """

    feature: int
    values: Floats
    regression: LogisticRegression


@dataclass(frozen=True, slots=True)
class AdditiveModel:
    """Fitted estimators, the bin edges of their inputs, and the step tables equal to their mean.

    The trees' last input is the period (0 to `periods` − 1); the tables are of the last one.
    """

    trees: tuple[HistGradientBoostingClassifier, ...]
    line: Line | None
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
    line_on: int | None = LINE_ON,
    seed: int = 0,
) -> AdditiveModel:
    """Boosted trees restricted to one feature a tree (`interaction_cst="no_interactions"`), and the line.

    `features` is (n, len(FEATURES)), `directions` (len(FEATURES),), the others (n,); without them
    every row is another customer, of one period. Which period (cut-off) a row is of is one more
    input, so that what a whole period did is not put on features that grow with time. The mean of a
    few models, each fitted to a share of the customers: rows of one customer at neighbouring
    cut-offs are nearly the same, so customers are drawn, not rows. `line_on` is the feature of the
    line, None: trees alone.
    """
    rows = np.arange(len(features))
    _, customers = np.unique(rows if customer_ids is None else customer_ids.astype(str), return_inverse=True)
    distinct, periods = np.unique(0 * rows if cutoffs_us is None else cutoffs_us, return_inverse=True)
    edges = tuple(bin_edges(column) for column in features.T)
    codes = bin_codes(features, edges)
    inputs, draw = np.column_stack([codes, periods]), np.random.default_rng(seed)
    line = None
    if line_on is not None and len(edges[line_on]):
        line = _fit_line(features[:, line_on], line_on, edges, periods, churned)
        inputs[:, _position(line_on, edges)] = 0.0  # what the line says the trees need not say again
    ways, trees = np.append(directions[has_say(edges)], 0), []
    for bag in range(BAGS):
        kept = (draw.random(customers.max() + 1) < BAG_SHARE)[customers]
        trees.append(_fit_bag(inputs[kept], churned[kept], ways, seed + bag))
    tables = read_tables(pooled_log_odds(trees, line, edges, len(distinct)), codes, edges)
    return AdditiveModel(tuple(trees), line, edges, len(distinct), tables)


def _position(feature: int, edges: tuple[Floats, ...]) -> int:
    """The column of a feature among those that have a say."""
    return int(np.count_nonzero(has_say(edges)[:feature]))


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


def _fit_line(
    chance: Floats,
    feature: int,
    edges: tuple[Floats, ...],
    periods: NDArray[np.int64],
    churned: NDArray[np.bool_],
) -> Line:
    bins = np.where(np.isnan(chance), 0, np.searchsorted(edges[feature], chance, side="right") + 1)
    known = chance[~np.isnan(chance)].clip(_CERTAIN, 1 - _CERTAIN)
    sums = np.bincount(bins[~np.isnan(chance)], known, len(edges[feature]) + 2)
    counts = np.bincount(bins[~np.isnan(chance)], minlength=len(edges[feature]) + 2)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), known.mean())
    values = np.log(means / (1 - means))
    regression = LogisticRegression(max_iter=1000).fit(_line_inputs(values[bins], periods, periods.max() + 1), churned)
    return Line(feature, values, regression)


def _line_inputs(values: Floats, periods: NDArray[np.int64], count: int) -> Floats:
    return np.column_stack([values, np.eye(count)[periods]])


def pooled_log_odds(
    trees: Sequence[HistGradientBoostingClassifier],
    line: Line | None,
    edges: tuple[Floats, ...],
    periods: int,
) -> Callable[[Floats], Floats]:
    """The estimators' mean decision function of bin codes, as of the last period; the line has half a say."""

    def score(codes: Floats) -> Floats:
        inputs = np.column_stack([codes, np.full(len(codes), periods - 1.0)])
        with threadpool_limits(1):
            shape = np.mean([tree.decision_function(inputs) for tree in trees], axis=0)
        if line is None:
            return np.asarray(shape)
        column = codes[:, _position(line.feature, edges)]
        values = line.values[np.nan_to_num(column + 1, nan=0.0).astype(int)]
        last = np.full(len(codes), periods - 1)
        return np.asarray((shape + line.regression.decision_function(_line_inputs(values, last, periods))) / 2)

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
