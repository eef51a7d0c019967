"""The churn model: who is more at risk than whom from additive trees, how many from the histories.

P(no purchase in `[cut-off, cut-off + horizon)`) of everyone who has bought before the cut-off.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.scorer import sigmoid
from ml.additive import AdditiveModel, fit_additive
from ml.btyd import BgNbd, FitError
from ml.comparators import PurchaseSummary, comparator_metrics, comparator_risks
from ml.cutoffs import FALL_BACK, Untrainable
from ml.data import LabelledStates
from ml.metrics import churn_metrics
from ml.season import CalibrationError, calibration_error, forecast_shift, shift_to_share

Metrics = dict[str, dict[str, float | None]]
_CERTAIN = 1e-9
MOST_HISTORIES = 20_000


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """`additive` with the level of one time; `errors` of the histories' model at the cut-offs learnt from.

    `expected_share` of the customers known at that time are expected not to buy in the horizon.
    """

    additive: AdditiveModel
    errors: tuple[CalibrationError, ...]
    shift: float
    expected_share: float

    def risk(self, features: Floats) -> Floats:
        """(n, len(FEATURES)) → (n,)."""
        return sigmoid(self.additive.log_odds(features))


def summarise(rows: LabelledStates) -> PurchaseSummary:
    """The rows as the classic models see them; money in minor units."""
    return PurchaseSummary(
        recency_days=(rows.cutoffs_us - rows.measure("last_order_us")) / DAY_US,
        tenure_days=(rows.cutoffs_us - rows.measure("first_order_us")) / DAY_US,
        purchases=rows.purchase_days.astype(np.float64),
        spend=rows.measure("spend_minor") - rows.measure("refunded_minor"),
    )


def usual_gap_days(rows: LabelledStates) -> float:
    """Median over customers who bought on several days of their mean days between them."""
    history = summarise(rows)
    again = history.repeats > 0
    return float(np.median(history.last_repeat_days[again] / history.repeats[again]))


def fit_churn(past: LabelledStates, present: LabelledStates, horizon_days: int) -> ChurnModel:
    """Learns from `past` cut-offs whose labels are complete, for use at the one cut-off of `present`.

    Of `present` only the histories are read, never what follows. Raises Untrainable where nobody has
    bought twice.
    """
    at_us = int(present.cutoffs_us[0])
    additive = fit_additive(past.features(), past.churned, past.customer_ids, past.cutoffs_us)
    classic = _fit_classic(present)
    errors = _errors_then(past, horizon_days)
    shift = forecast_shift(errors, at_us)
    share = float(sigmoid(_log_odds(classic, present, horizon_days) + shift).mean())
    level = additive.tables.intercept + shift_to_share(additive.log_odds(present.features()), share)
    tables = replace(additive.tables, intercept=level)
    return ChurnModel(replace(additive, tables=tables), errors, shift, share)


def _fit_classic(rows: LabelledStates) -> BgNbd:
    """From at most MOST_HISTORIES of the customers: four parameters need no more."""
    history, every = summarise(rows), -(-len(rows.churned) // MOST_HISTORIES)
    columns = (history.repeats, history.last_repeat_days, history.tenure_days)
    try:
        return BgNbd.fit(*(column[::every] for column in columns))
    except FitError as error:
        raise Untrainable(f"{error} {FALL_BACK}") from error


def _log_odds(classic: BgNbd, rows: LabelledStates, horizon_days: int) -> Floats:
    """Of no purchase in the horizon, (n,)."""
    history = summarise(rows)
    columns = (history.repeats, history.last_repeat_days, history.tenure_days)
    risk = classic.probability_no_purchase(*columns, horizon_days).clip(_CERTAIN, 1 - _CERTAIN)
    return np.asarray(np.log(risk / (1 - risk)))


def _errors_then(past: LabelledStates, horizon_days: int) -> tuple[CalibrationError, ...]:
    """At each past cut-off, the error of the classic model as it was to be had then, where it was."""
    errors = []
    for rows in _by_cutoff(past):
        with suppress(Untrainable):
            log_odds = _log_odds(_fit_classic(rows), rows, horizon_days)
            errors.append(calibration_error(int(rows.cutoffs_us[0]), log_odds, rows.churned))
    return tuple(errors)


def measure_against_classics(past: LabelledStates, test: LabelledStates, horizon_days: int) -> Metrics:
    """Metrics of a model fitted to `past` and of each comparator at the cut-off of `test`, on the same rows.

    Raises Untrainable, and FitError where a comparator cannot be fitted.
    """
    model = fit_churn(past, test, horizon_days)
    metrics: Metrics = {"perennial": churn_metrics(test.churned, model.risk(test.features()))}
    earlier = [(summarise(rows), rows.churned) for rows in _by_cutoff(past)]
    risks = comparator_risks(earlier, summarise(test), horizon_days)
    return metrics | comparator_metrics(risks, test.churned)


def _by_cutoff(rows: LabelledStates) -> Sequence[LabelledStates]:
    return [rows.at(rows.cutoffs_us == cutoff_us) for cutoff_us in np.unique(rows.cutoffs_us)]
