"""How well a risk or a forecast was, one number a function.

Churn: `churned` (n,) is true for customers without a purchase in the horizon, `risk` (n,) their
predicted probability of it, or for `auc` and `lift_at` any score that rises with it. Value:
`actual` and `predicted` (n,) are what was bought and what was expected, in one unit.

Ties never depend on the order of the rows: customers of equal risk count as their group's mean,
which is the expectation over breaking the ties at random. A number that the data leave undefined
(one class only, no variation, nothing bought) is NaN here and None in the dictionaries.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import brier_score_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error
from sklearn.metrics import log_loss as mean_log_loss

from app.lifecycle.targets import Unit

Floats = NDArray[np.float64]
Metrics = dict[str, float | None]


class UnusableScores(ValueError):
    """The arrays cannot be compared; the message says why in one sentence."""


def auc(churned: ArrayLike, risk: ArrayLike) -> float:
    """The probability that a churned customer has the higher risk than one who stayed, ties half."""
    outcome, risk = _paired(churned, risk)
    return float(roc_auc_score(outcome, risk)) if 0 < outcome.mean() < 1 else np.nan


def brier(churned: ArrayLike, risk: ArrayLike) -> float:
    """Mean squared error of the probability, 0 to 1."""
    outcome, risk = _paired_probability(churned, risk)
    return float(brier_score_loss(outcome, risk, pos_label=1))


def log_loss(churned: ArrayLike, risk: ArrayLike) -> float:
    """Mean negative log-likelihood in nats; a risk of 0 or 1 counts as one rounding error inside."""
    outcome, risk = _paired_probability(churned, risk)
    return float(mean_log_loss(outcome, risk, labels=[0, 1]))


def ece(churned: ArrayLike, risk: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error: |mean risk - churned share| over bins of equal mass, averaged by mass."""
    outcome, risk = _paired_probability(churned, risk)
    gap = _mean_over_ties(outcome, risk) - risk
    parts = np.array_split(np.argsort(risk), bins)
    return float(sum(abs(gap[part].sum()) for part in parts) / gap.size)


def lift_at(churned: ArrayLike, risk: ArrayLike, share: float = 0.1) -> float:
    """Churned share among the `share` of customers at highest risk, over the share among all.

    Exactly share * n customers are taken, the last one in part when that is no whole number; of
    those tied at the edge, as many as fit, at their mean.
    """
    outcome, risk = _paired(churned, risk)
    ranked = _mean_over_ties(outcome, risk)[np.argsort(-risk)]
    slots = share * outcome.size
    taken = np.clip(slots - np.arange(outcome.size), 0.0, 1.0)
    return float(ranked @ taken / slots / outcome.mean()) if outcome.any() else np.nan


def churn_metrics(churned: ArrayLike, risk: ArrayLike) -> Metrics:
    """Every churn number of a predicted probability. Raises UnusableScores for a risk beyond [0, 1]."""
    proper = {"brier": brier(churned, risk), "log_loss": log_loss(churned, risk), "ece": ece(churned, risk)}
    return rank_metrics(churned, risk) | proper


def rank_metrics(churned: ArrayLike, score: ArrayLike) -> Metrics:
    """The same keys for a score that only ranks, such as days of recency.

    It claims no probability, so `brier`, `log_loss` and `ece` have nothing to measure: None.
    """
    return {
        "auc": _known(auc(churned, score)),
        "brier": None,
        "log_loss": None,
        "ece": None,
        "lift_at_10": _known(lift_at(churned, score)),
    }


def spearman(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Rank correlation, -1 to 1, ties at their mean rank."""
    actual, predicted = _paired(actual, predicted)
    return float(spearmanr(actual, predicted).statistic) if _vary(actual, predicted) else np.nan


def pearson(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Linear correlation, -1 to 1."""
    actual, predicted = _paired(actual, predicted)
    return float(pearsonr(actual, predicted).statistic) if _vary(actual, predicted) else np.nan


def normalised_gini(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Concentration of `actual` in the order of `predicted`, over that in its own; 1 is a perfect order.

    NaN where less came than went back: there is nothing to hold shares of.
    """
    actual, predicted = _paired(actual, predicted)
    if not _vary(actual) or actual.sum() <= 0:
        return np.nan
    return _concentration(_mean_over_ties(actual, predicted), predicted) / _concentration(actual, actual)


def mae(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error, in the unit of the data."""
    return float(mean_absolute_error(*_paired(actual, predicted)))


def rmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error, in the unit of the data."""
    return float(root_mean_squared_error(*_paired(actual, predicted)))


def bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Total predicted over total actual, minus 1: above 0 promises too much. NaN where nothing came on balance."""
    actual, predicted = _paired(actual, predicted)
    return float(predicted.sum() / actual.sum() - 1) if actual.sum() > 0 else np.nan


def orders_metrics(actual: ArrayLike, predicted: ArrayLike) -> Metrics:
    """Every number of expected orders, or of something else that is counted."""
    return _measure(ORDERS, actual, predicted)


def spend_metrics(actual: ArrayLike, predicted: ArrayLike) -> Metrics:
    """Every number of expected spend, in one unit of money."""
    return _measure(SPEND, actual, predicted)


Metric = Callable[[ArrayLike, ArrayLike], float]
ORDERS: Final[Mapping[str, Metric]] = {
    "mae": mae,
    "rmse": rmse,
    "pearson": pearson,
    "spearman": spearman,
    "bias": bias,
}
SPEND: Final[Mapping[str, Metric]] = {
    "mae": mae,
    "spearman": spearman,
    "normalised_gini": normalised_gini,
    "bias": bias,
}
MEASURERS: Final[Mapping[Unit, Callable[[ArrayLike, ArrayLike], Metrics]]] = {
    "probability": churn_metrics,
    "orders": orders_metrics,
    "pieces": orders_metrics,
    "minor": spend_metrics,
}
"""By the unit of a target."""
MORE_IS_BETTER: Final = frozenset({"auc", "lift_at_10", "pearson", "spearman", "normalised_gini"})
"""Of the others less is better, for `bias` less of its size."""


def advantage(metric: str, ours: float, theirs: float) -> float:
    """How much better `ours` is than `theirs`, in the unit of the metric; below 0 it is worse."""
    if metric == "bias":
        return abs(theirs) - abs(ours)
    return ours - theirs if metric in MORE_IS_BETTER else theirs - ours


def _measure(measures: Mapping[str, Metric], actual: ArrayLike, predicted: ArrayLike) -> Metrics:
    return {name: _known(measure(actual, predicted)) for name, measure in measures.items()}


def _paired(outcome: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.asarray(outcome, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise UnusableScores("Outcomes and scores need the same number of customers, at least one.")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise UnusableScores("Outcomes and scores need to be finite numbers.")
    return first, second


def _paired_probability(churned: ArrayLike, risk: ArrayLike) -> tuple[Floats, Floats]:
    outcome, risk = _paired(churned, risk)
    if risk.min() < 0 or risk.max() > 1:
        raise UnusableScores("A risk beyond 0 and 1 is no probability; it can only be ranked.")
    return outcome, risk


def _mean_over_ties(values: Floats, score: Floats) -> Floats:
    """Each value replaced by the mean of those with the same score."""
    _, group = np.unique(score, return_inverse=True)
    return np.asarray((np.bincount(group, values) / np.bincount(group))[group])


def _concentration(values: Floats, score: Floats) -> float:
    ranked = values[np.argsort(score)]
    middle = (ranked.size + 1) / 2
    return float((np.arange(1, ranked.size + 1) - middle) @ ranked / ranked.sum())


def _vary(*columns: Floats) -> bool:
    return all(np.ptp(column) > 0 for column in columns)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
