"""One target at one cut-off: our predictions and every comparator's, measured on the same customers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US, ORDER_COMPLETED, ORDER_REFUNDED, SALES
from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.targets import CHURN, ORDERS, SPEND, target_of
from ml.data.cutoffs import span_of
from ml.data.leaks import Leak
from ml.data.states import LabelledStates, labelled_states
from ml.evaluation.metrics import MEASURERS, Metrics, rank_metrics
from ml.learning.churn import summarise
from ml.learning.comparators import (
    RANK_ONLY,
    Comparison,
    Labelled,
    Recent,
    compare_churn,
    compare_orders,
    compare_spend,
)
from ml.learning.methods import Learned

OURS = "perennial"
RECENT_DAYS = 365.0


@dataclass(frozen=True, slots=True)
class Judged:
    """`target` is its name; `actual` (n,) is its outcome: whether they stayed away, their orders, or their net spend.

    `predictions` (n,) and `metrics` are by model, OURS first; `left_out` says why a comparator is not there.
    """

    target: str
    actual: Floats
    predictions: dict[str, Floats]
    metrics: dict[str, Metrics]
    left_out: dict[str, str] = field(default_factory=dict)


def outcomes_at(events: ir.Table, learned: Learned, cutoff_us: int, horizon_days: int) -> LabelledStates:
    """The customers of `learned.present`, in its order, with what they did after the cut-off.

    Raises Leak where a feature is another when the events after the cut-off are there to be seen.
    """
    test = labelled_states(events, [cutoff_us], horizon_days)
    known = learned.present
    if not np.array_equal(test.customer_ids, known.customer_ids):
        raise Leak("Who is known at a cut-off depends on what comes after it.")
    same = np.isclose(test.features(), known.features(), rtol=1e-6, atol=1e-9, equal_nan=True)
    leaking = [FEATURE_NAMES[j] for j in np.flatnonzero(~same.all(axis=0))]
    if leaking:
        raise Leak(f"Features that see beyond their cut-off: {', '.join(leaking)}.")
    if not np.array_equal(test.purchase_days, known.purchase_days):
        raise Leak("The days with a purchase are counted beyond their cut-off.")
    return test


def judge(
    target: str, learned: Learned, test: LabelledStates, others: Comparison, minor_per_unit: float = 1.0
) -> Judged:
    """Measures ours and `others` at the cut-off of `test`. Money is in units of so many minor ones."""
    declared = target_of(target)
    ours = learned.targets.expect(declared, test.features(), int(test.cutoffs_us[0]))
    unit = minor_per_unit if declared.unit == "minor" else 1.0
    actual = test.outcome(declared) / unit
    found = {name: predicted / unit for name, predicted in {OURS: ours, **others.predictions}.items()}
    return Judged(target, actual, found, measure(target, actual, found), others.left_out)


def name_of_mean(target: str) -> str:
    """What the mean outcome of a target is called among its figures."""
    return "base_rate" if target_of(target).is_probability else "mean_actual"


def measure(target: str, actual: Floats, predictions: Mapping[str, Floats]) -> dict[str, Metrics]:
    """Every number of each model; of those in RANK_ONLY none that needs a probability."""
    return {
        name: (rank_metrics if name in RANK_ONLY else MEASURERS[target_of(target).unit])(actual, predicted)
        for name, predicted in predictions.items()
    }


def compare(target: str, events: ir.Table, learned: Learned, test: LabelledStates, horizon_days: int) -> Comparison:
    """The comparators' predictions at the cut-off of `test`, where the target has any; money in minor units."""
    history = summarise(test)
    if target == CHURN.name:
        return compare_churn(_labelled(learned, horizon_days), history, horizon_days)
    if target not in _COMPARED:
        return Comparison()
    return _COMPARED[target](history, recent_purchases(events, test), horizon_days)


_COMPARED = {ORDERS.name: compare_orders, SPEND.name: compare_spend}
"""By the recent past as well as the classics."""


def _labelled(learned: Learned, horizon_days: int) -> list[Labelled]:
    """Earlier cut-offs with labels of the whole horizon, where there are any."""
    past = learned.past
    if learned.inner_horizon_days != horizon_days:
        return []
    parts = (past.at(past.cutoffs_us == cutoff_us) for cutoff_us in np.unique(past.cutoffs_us))
    return [(summarise(part), part.churned) for part in parts]


def recent_purchases(events: ir.Table, rows: LabelledStates) -> Recent:
    """Of the customers of `rows`, in the year before their one cut-off; of a shorter history in all of it.

    Orders of one moment are one, as in the outcomes that they forecast.
    """
    cutoff_us = int(rows.cutoffs_us[0])
    history_days = (cutoff_us - span_of(events).first_us) / DAY_US
    window_days = min(RECENT_DAYS, history_days)
    since_us = int(cutoff_us - window_days * DAY_US)
    late = events.filter((events.occurred_us >= since_us) & (events.occurred_us < cutoff_us))
    is_order, is_refund = late.type == ORDER_COMPLETED, late.type == ORDER_REFUNDED
    paid, refunded = late.amount_minor.sum(where=late.type.isin(SALES)), late.amount_minor.sum(where=is_refund)
    grouped = late.group_by("customer_id").aggregate(
        orders=late.occurred_us.nunique(where=is_order), spend_minor=paid.fill_null(0) - refunded.fill_null(0)
    )
    columns = grouped.to_pyarrow()
    found = dict(zip(columns["customer_id"].to_pylist(), zip(*_numbers(columns), strict=True), strict=True))
    pairs = np.array([found.get(customer_id, (0.0, 0.0)) for customer_id in rows.customer_ids])
    return Recent(pairs[:, 0], pairs[:, 1], window_days)


def _numbers(columns: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    return columns["orders"].to_numpy(), columns["spend_minor"].to_numpy()
