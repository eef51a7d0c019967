"""What the models have to beat: recency, a logit on RFM, BG/NBD and Pareto/NBD, with Gamma-Gamma for money.

A comparator that cannot be fitted is left out with the reason; it does not fail the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ml.learning.btyd import BgNbd, FitError, GammaGamma, ParetoNbd
from ml.learning.series import Floats

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


Labelled = tuple[PurchaseSummary, NDArray[np.bool_]]
"""A summary at an earlier cut-off, and who did not buy in the horizon after it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Predictions (n,) by comparator; `left_out` says in a sentence why another could not be made."""

    predictions: dict[str, Floats] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, predict: Callable[[], Floats]) -> None:
        """What `predict` gives, or the sentence of the FitError that it raises."""
        try:
            self.predictions[name] = predict()
        except FitError as error:
            self.left_out[name] = str(error)


@dataclass(frozen=True, slots=True)
class Recent:
    """Orders (n,) and net spend (n,) in the `window_days` before the cut-off, in any one unit of money."""

    orders: Floats
    spend: Floats
    window_days: float


def compare_churn(train: Sequence[Labelled], test: PurchaseSummary, horizon_days: float) -> Comparison:
    """Risk of no purchase in `[cut-off, cut-off + horizon_days)` of the customers in `test`.

    The caller sees to it that the labels in `train` end before the test's cut-off. Only the logit learns
    from them: the BTYD models need no labels and are fitted to the histories in `test`. `recency` is
    days (see RANK_ONLY), the others are probabilities.
    """
    compared = Comparison({"recency": test.recency_days})
    compared.add("rfm_logit", lambda: np.asarray(_rfm_logit(train).predict_proba(_rfm(test))[:, 1]))
    for name, kind in _CLASSICS.items():
        compared.add(name, lambda kind=kind: _no_purchase(kind, test, horizon_days))  # type: ignore[misc]
    return compared


def compare_orders(test: PurchaseSummary, recent: Recent, horizon_days: float) -> Comparison:
    """Expected orders in `[cut-off, cut-off + horizon_days)`; those of the BTYD models are purchase days."""
    compared = Comparison({"recent_rate": recent.orders * (horizon_days / recent.window_days)})
    for name, kind in _CLASSICS.items():
        compared.add(name, lambda kind=kind: _purchases(kind, test, horizon_days))  # type: ignore[misc]
    return compared


def compare_spend(test: PurchaseSummary, recent: Recent, horizon_days: float) -> Comparison:
    """Expected net spend in `[cut-off, cut-off + horizon_days)`, in the unit of `test` and `recent`."""
    compared = Comparison({"recent_rate": recent.spend * (horizon_days / recent.window_days)})
    for name, kind in _CLASSICS.items():

        def predict(kind: type[BgNbd | ParetoNbd] = kind) -> Floats:
            return _purchases(kind, test, horizon_days) * _spend_a_purchase(test)

        compared.add(f"{name}_gamma_gamma", predict)
    return compared


def _rfm(summary: PurchaseSummary) -> Floats:
    """(n, 4): recency, frequency, monetary value and tenure on a logarithmic scale.

    Refunds beyond what was spent leave a negative total, which counts as nothing spent.
    """
    columns = (summary.recency_days, summary.purchases, summary.spend, summary.tenure_days)
    return np.log1p(np.maximum(np.column_stack(columns), 0.0))


def _rfm_logit(train: Sequence[Labelled]) -> Pipeline:
    if not train:
        raise FitError("No earlier cut-off has a whole horizon to learn the regression from.")
    churned = np.concatenate([labels for _, labels in train])
    if churned.all() or not churned.any():
        raise FitError("The logit needs training customers who bought again and some who did not.")
    inputs = np.vstack([_rfm(summary) for summary, _ in train])
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs, churned)


_CLASSICS: Final[Mapping[str, type[BgNbd | ParetoNbd]]] = {"bg_nbd": BgNbd, "pareto_nbd": ParetoNbd}
MOST_HISTORIES: Final = 20_000
"""Four parameters need no more customers than so many."""


def _columns(summary: PurchaseSummary) -> tuple[Floats, Floats, Floats]:
    return summary.repeats, summary.last_repeat_days, summary.tenure_days


def _fit(kind: type[BgNbd | ParetoNbd], test: PurchaseSummary) -> BgNbd | ParetoNbd:
    every = -(-test.purchases.size // MOST_HISTORIES)
    return kind.fit(*(column[::every] for column in _columns(test)))


def _no_purchase(kind: type[BgNbd | ParetoNbd], test: PurchaseSummary, horizon_days: float) -> Floats:
    return _fit(kind, test).probability_no_purchase(*_columns(test), horizon_days)


def _purchases(kind: type[BgNbd | ParetoNbd], test: PurchaseSummary, horizon_days: float) -> Floats:
    return _fit(kind, test).expected_purchases(*_columns(test), horizon_days)


def _spend_a_purchase(test: PurchaseSummary) -> Floats:
    """By Gamma-Gamma from every purchase, the first one too. Who got back all they paid is like anyone else."""
    mean = test.spend / test.purchases
    telling = mean > 0
    frequency, mean = np.where(telling, test.purchases, 0.0), np.where(telling, mean, 0.0)
    every = -(-mean.size // MOST_HISTORIES)
    expected = GammaGamma.fit(frequency[::every], mean[::every]).expected_spend(frequency, mean)
    if not np.isfinite(expected).all():
        raise FitError("The spends a purchase are too unequal for a mean to exist.")
    return expected
