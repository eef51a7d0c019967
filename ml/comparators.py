"""What a churn model has to beat: recency, a logit on RFM, BG/NBD and Pareto/NBD."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ml.btyd import BgNbd, FitError, ParetoNbd
from ml.metrics import churn_metrics, rank_metrics
from ml.series import Floats

RANK_ONLY: Final = frozenset({"recency"})
"""Comparators whose risk is a score, not a probability."""


@dataclass(frozen=True, slots=True)
class PurchaseSummary:
    """Everyone who has bought before a cut-off, from purchases before it. All columns are (n,).

    `recency_days` and `tenure_days` go from the last and from the first purchase to the cut-off, in
    days with their fraction. `spend` is the total in any one unit. `purchases` (>= 1) counts
    distinct days with an order, not orders: two baskets of one visit are one decision to come
    back, and the Poisson process of the BTYD models has no two purchases at once. Where only
    orders are known they serve, a little worse.
    """

    recency_days: Floats
    tenure_days: Floats
    purchases: Floats
    spend: Floats

    @property
    def repeats(self) -> Floats:
        """x of the BTYD models: the first purchase is not counted."""
        return self.purchases - 1

    @property
    def last_repeat_days(self) -> Floats:
        """t_x of the BTYD models: from the first purchase to the last repeat; 0 without one."""
        return np.where(self.repeats > 0, self.tenure_days - self.recency_days, 0.0)


def comparator_risks(
    train: Sequence[tuple[PurchaseSummary, NDArray[np.bool_]]], test: PurchaseSummary, horizon_days: float
) -> dict[str, Floats]:
    """Risk of no purchase in `[cut-off, cut-off + horizon_days)` of the customers in `test`, by comparator.

    `train` holds summaries at earlier cut-offs with who did not buy in the horizon; the caller
    sees to it that those labels end before the test's cut-off. Only the logit learns from them:
    the BTYD models need no labels and are fitted to the histories in `test`. `recency` is days
    (see RANK_ONLY), the others are probabilities. Raises FitError where a comparator cannot be fitted.
    """
    return {
        "recency": test.recency_days,
        "rfm_logit": _rfm_logit(train).predict_proba(_rfm(test))[:, 1],
        "bg_nbd": _btyd_risk(BgNbd, test, horizon_days),
        "pareto_nbd": _btyd_risk(ParetoNbd, test, horizon_days),
    }


def comparator_metrics(risks: Mapping[str, Floats], churned: NDArray[np.bool_]) -> dict[str, dict[str, float | None]]:
    """The churn metrics of each comparator; those in RANK_ONLY have None for what needs a probability."""
    return {name: (rank_metrics if name in RANK_ONLY else churn_metrics)(churned, risk) for name, risk in risks.items()}


def _rfm(summary: PurchaseSummary) -> Floats:
    """(n, 4): recency, frequency, monetary value and tenure on a logarithmic scale.

    Refunds beyond what was spent leave a negative total, which counts as nothing spent.
    """
    columns = (summary.recency_days, summary.purchases, summary.spend, summary.tenure_days)
    return np.log1p(np.maximum(np.column_stack(columns), 0.0))


def _rfm_logit(train: Sequence[tuple[PurchaseSummary, NDArray[np.bool_]]]) -> Pipeline:
    churned = np.concatenate([labels for _, labels in train]) if train else np.empty(0, dtype=np.bool_)
    if churned.all() or not churned.any():
        raise FitError("The logit needs training customers who bought again and some who did not.")
    inputs = np.vstack([_rfm(summary) for summary, _ in train])
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs, churned)


def _btyd_risk(kind: type[BgNbd | ParetoNbd], test: PurchaseSummary, horizon_days: float) -> Floats:
    history = (test.repeats, test.last_repeat_days, test.tenure_days)
    return kind.fit(*history).probability_no_purchase(*history, horizon_days)
