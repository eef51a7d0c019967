"""The additive model, compiled into step tables: boosted trees of one feature each, pooled with a line.

The trees learn any shape, and what they learn of few cut-offs is noisy; the line is what a classic
model says, stretched to fit, which can hardly err and cannot learn more. The mean of the two is
better than either, and as additive as both. `ml.learning.distilling` gives the line's half, or a part of it, to
a classic model fitted anew. The link is the parameter: a probability is learnt in
log-odds, a count or an amount in the logarithm of its mean.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.own_money import GROSS_ORDER, OwnMoney
from app.lifecycle.scorer import StepTables
from app.lifecycle.targets import Link
from ml.learning.bins import bin_codes, bin_edges, has_say, places, position
from ml.learning.line import Companion, Line, fit_line, line_edges

BAGS = 4
BAG_SHARE = 0.6
_TREES = {
    "interaction_cst": "no_interactions",
    "learning_rate": 0.04,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 60,
    "l2_regularization": 10.0,
    "early_stopping": False,
}

_HEAVIEST = 20.0

Trees: TypeAlias = HistGradientBoostingClassifier | HistGradientBoostingRegressor

_SILENCE = ("lapse_chance", "recency_days", "recency_share", "silence_ratio", "rhythm_days", "last_gap_days")
_TIME = ("tenure_days", "known_days", "visit_recency_days", "refund_recency_days")
"""These grow with silence too: whoever says nothing is known for longer. That a relation is old, its orders tell."""
_GRIEVANCES = ("complaints", "open_cases")
_BUSINESS = ("orders", "pace_orders", "orders_per_day", "net_spend")
_FADING = re.compile(r"_decayed_\d+d$|_\d+d_per_\d+d$")
"""What fades while nothing happens: decayed sums, and rates of late against the long run."""
UNHEARD = frozenset({FEATURE_NAMES.index("complaint_recency_days"), GROSS_ORDER})
"""Features without a say. That a complaint is recent and that time passes pull this one to either side: that there was
one is told by `complaints`. The average order before refunds is of own money alone."""


def _direction(name: str) -> int:
    if name in _SILENCE + _TIME + _GRIEVANCES:
        return 1
    return -1 if name in _BUSINESS or _FADING.search(name) else 0


SILENCE = np.array([_direction(name) for name in FEATURE_NAMES])
"""1: a feature that grows with silence or grievance, −1: with business, 0: neither. More silence never lowers the
risk of churn, a complaint neither, and more purchases never raise it, and the other way round for orders and spend:
costs no accuracy, and keeps reasons that no retailer would believe out."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one target is learnt: its link, which way each feature may move it, the features of the line.

    `directions` is (features,): 1 up, −1 down, 0 either. The line is drawn through the links of the
    features in `line_on`: probabilities where the target is one, else amounts. Bins are evenly spaced in
    the link for these and for those in `spread_on`. The trees grow in `rounds`. What they are shown of an
    amount ends at `ceiling` times what the line expects: of amounts that a few customers carry, a leaf's
    mean knows little. Of the line's half of the score, the classic model takes `classic_share`. The features `apart`
    have no say. What trees and line say together is flatter than what comes, and `stretch` times as steep is right.
    """

    link: Link
    directions: NDArray[np.int64]
    line_on: tuple[int, ...] = ()
    spread_on: tuple[int, ...] = ()
    rounds: int = 250
    ceiling: float = np.inf
    classic_share: float = 0.0
    apart: frozenset[int] = frozenset()
    stretch: float = 1.0


@dataclass(frozen=True, slots=True)
class AdditiveModel:
    """Fitted estimators, the bin edges of their inputs, and the step tables equal to their mean.

    The trees' last input is the period (0 to `periods` − 1); the tables are of the last one. `unit` is
    what the estimators count in: the mean of the amounts, 1 where the link is of log-odds. With `own` the score is that
    of the tables and of own money, and the estimators count in what that expects.
    """

    link: Link
    trees: tuple[Trees, ...]
    line: Companion | None
    edges: tuple[Floats, ...]
    periods: int
    tables: StepTables
    unit: float = 1.0
    stretch: float = 1.0
    own: OwnMoney | None = None

    def score(self, features: Floats) -> Floats:
        """(n, features) → (n,) in the link, from the tables and own money, as the server computes it."""
        return np.asarray(self.tables.intercept + self.tables.terms(features).sum(axis=1) + self._own(features))

    def _own(self, features: Floats) -> Floats:
        return np.zeros(len(features)) if self.own is None else self.own.sum(features)

    def expect(self, features: Floats, level: float = 0.0) -> Floats:
        """(n, features) → (n,): the probability or the mean, `level` added in the link."""
        return self.link.invert(self.score(features) + level)

    def estimate(self, features: Floats) -> Floats:
        """What the estimators say, without the tables: (n, features) → (n,) in the link."""
        pooled = pooled_score(self.link, self.trees, self.line, self.edges, self.periods, self.unit, self.stretch)
        return pooled(bin_codes(features, self.edges)) + self._own(features)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the estimators are fitted to: bin codes (n, features with a say), and (n,) each; None: all weigh alike."""

    codes: Floats
    periods: NDArray[np.int64]
    customers: NDArray[np.int64]
    outcome: Floats
    weights: Floats | None = None


def fit_additive(
    features: Floats,
    outcome: ArrayLike,
    recipe: Recipe,
    customer_ids: NDArray[Any] | None = None,
    cutoffs_us: NDArray[np.int64] | None = None,
    seed: int = 0,
    own: OwnMoney | None = None,
) -> AdditiveModel:
    """Boosted trees restricted to one feature a tree (`interaction_cst="no_interactions"`), and the line.

    `features` is (n, features), the others (n,): `outcome` is 0 or 1 for log-odds, else an amount
    ≥ 0 and not all 0; without ids and cut-offs every row is another customer, of one period. Which
    period (cut-off) a row is of is one more input, so that what a whole period did is not put on
    features that grow with time. The mean of a few models, each fitted to a share of the customers:
    rows of one customer at neighbouring cut-offs are nearly the same, so customers are drawn, not rows. `own` money is
    an offset of the score: the estimators learn how many times as much comes as it expects.
    """
    alone = np.arange(len(features))
    _, customers = np.unique(alone if customer_ids is None else customer_ids.astype(str), return_inverse=True)
    _, periods = np.unique(0 * alone if cutoffs_us is None else cutoffs_us, return_inverse=True)
    amounts, link = np.asarray(outcome, np.float64), recipe.link
    weights = None
    if own is not None:
        amounts, weights = _set_apart(own, features, amounts)
    spread = {*recipe.line_on, *recipe.spread_on}
    count = int(periods.max()) + 1
    unit = 1.0 if link is Link.LOG_ODDS else float(np.average(amounts, weights=weights))
    edges = heard_edges(
        features, lambda j, column: line_edges(column, link) if j in spread else bin_edges(column), recipe.apart
    )
    rows = _Rows(bin_codes(features, edges), periods, customers, amounts / unit, weights)
    drawn = tuple(feature for feature in recipe.line_on if len(edges[feature]))
    at = [position(feature, edges) for feature in drawn]
    line = None
    if drawn:
        line = fit_line(drawn, rows.codes.T[at], [edges[j] for j in drawn], periods, rows.outcome, link, weights)
    trees = _fit_trees(rows, line, at, edges, recipe, seed)
    score = pooled_score(link, trees, line, edges, count, unit, recipe.stretch)
    tables = read_tables(score, rows.codes, edges)
    return AdditiveModel(link, trees, line, edges, count, tables, unit, recipe.stretch, own)


def _set_apart(own: OwnMoney, features: Floats, amounts: Floats) -> tuple[Floats, Floats]:
    """What each came to in terms of what own money expects, and the weights, mean 1, with which Poisson's loss of that
    is the loss of the amounts with own money as an offset; but nobody weighs more than a few times the heaviest
    hundredth."""
    expected = np.exp(own.sum(features))
    weights = np.minimum(expected, _HEAVIEST * np.quantile(expected, 0.99))
    return amounts / expected, weights / weights.mean()


def heard_edges(
    features: Floats, edges_of: Callable[[int, Floats], Floats], apart: frozenset[int] = frozenset()
) -> tuple[Floats, ...]:
    """Of (n, features), the bin edges of each column; none of those UNHEARD or `apart`."""
    silent = UNHEARD | apart
    return tuple(np.empty(0) if j in silent else edges_of(j, column) for j, column in enumerate(features.T))


def _fit_trees(
    rows: _Rows, line: Line | None, line_at: list[int], edges: tuple[Floats, ...], recipe: Recipe, seed: int
) -> tuple[Trees, ...]:
    inputs, draw = np.column_stack([rows.codes, rows.periods]), np.random.default_rng(seed)
    inputs[:, line_at] = 0.0  # what the line says the trees need not say again
    outcome = rows.outcome
    if line is not None and recipe.link is Link.LOG:
        outcome = np.minimum(outcome, recipe.ceiling * np.exp(line.score(rows.codes.T[line_at], rows.periods)))
    ways, trees = np.append(recipe.directions[has_say(edges)], 0), []
    for bag in range(BAGS):
        kept = (draw.random(rows.customers.max() + 1) < BAG_SHARE)[rows.customers]
        tree = _tree(recipe, ways, seed + bag)
        with threadpool_limits(1):
            weights = None if rows.weights is None else rows.weights[kept]
            trees.append(tree.fit(inputs[kept], outcome[kept], sample_weight=weights))
    return tuple(trees)


def _tree(recipe: Recipe, ways: NDArray[np.int64], seed: int) -> Trees:
    options = _TREES | {"monotonic_cst": ways, "max_iter": recipe.rounds, "random_state": seed}
    if recipe.link is Link.LOG_ODDS:
        return HistGradientBoostingClassifier(**options)
    return HistGradientBoostingRegressor(loss="poisson", **options)


def pooled_score(
    link: Link,
    trees: Sequence[Trees],
    line: Companion | None,
    edges: tuple[Floats, ...],
    periods: int,
    unit: float,
    stretch: float = 1.0,
) -> Callable[[Floats], Floats]:
    """The estimators' mean score of bin codes, in the link, as of the last period; the line has half a say.

    It is stretched about the unit.
    """

    def tree_score(tree: Trees, inputs: Floats) -> Floats:
        return np.asarray(tree.decision_function(inputs) if link is Link.LOG_ODDS else np.log(tree.predict(inputs)))

    def score(codes: Floats) -> Floats:
        inputs = np.column_stack([codes, np.full(len(codes), periods - 1.0)])
        with threadpool_limits(1):
            shape = np.mean([tree_score(tree, inputs) for tree in trees], axis=0)
        if line is not None:
            at = [position(feature, edges) for feature in line.features]
            shape = (shape + line.score(codes.T[at], periods - 1)) / 2
        return np.asarray(stretch * shape + np.log(unit))

    return score


def read_tables(score: Callable[[Floats], Floats], codes: Floats, edges: tuple[Floats, ...]) -> StepTables:
    """Step tables of any additive `score` of bin codes; `codes` are those of the training rows.

    Varies one feature over its bins with the others fixed; exact, since the score is additive.
    Each table is centred on the training rows, so that a term is the difference to the average
    customer and the intercept is the average score.
    """
    columns = np.flatnonzero(has_say(edges))
    probes, spans = [], []
    for at, j in enumerate(columns):
        block = np.zeros((len(edges[j]) + 2, len(columns)))
        block[:, at] = [np.nan, *range(len(edges[j]) + 1)]
        spans.append(len(block))
        probes.append(block)
    scores = np.split(score(np.concatenate(probes)), np.cumsum(spans)[:-1])
    intercept = base = float(score(np.zeros((1, len(columns))))[0])
    steps = [np.zeros(len(edge) + 2) for edge in edges]
    for at, (j, column_scores) in enumerate(zip(columns, scores, strict=True)):
        bins = places(codes[:, at])
        term = column_scores - base
        centre = float(term[bins].mean())
        steps[j] = term - centre
        intercept += centre
    return StepTables(intercept, edges, tuple(steps))
