"""Making the churn model: monthly cut-offs, an honest measurement, the fit on all, the artefact."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.measures import NUMERIC
from app.lifecycle.scorer import sigmoid
from ml.additive import AdditiveModel, fit_additive
from ml.artefact import write_artefact
from ml.btyd import FitError
from ml.comparators import PurchaseSummary, comparator_metrics, comparator_risks
from ml.cutoffs import Untrainable, check_trainable, matured, monthly_cutoffs, span_of, to_time
from ml.data import LabelledStates, labelled_states
from ml.metrics import churn_metrics

Say = Callable[[str], None]
Metrics = dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class Training:
    """What a model is made from. `source` names the data; `simulated`: they are the demo shop's."""

    events: ir.Table
    source: str
    simulated: bool
    horizon_days: int


def column_of(rows: LabelledStates, measure: str) -> Floats:
    """A measure of all rows, (n,)."""
    return rows.states[:, [known.name for known in NUMERIC].index(measure)]


def summarise(rows: LabelledStates) -> PurchaseSummary:
    """The rows as the classic models see them; money in minor units."""
    cutoffs = rows.cutoffs_us.astype(np.float64)
    return PurchaseSummary(
        recency_days=(cutoffs - column_of(rows, "last_order_us")) / DAY_US,
        tenure_days=(cutoffs - column_of(rows, "first_order_us")) / DAY_US,
        purchases=rows.purchase_days.astype(np.float64),
        spend=column_of(rows, "spend_minor") - column_of(rows, "refunded_minor"),
    )


def usual_gap_days(rows: LabelledStates) -> float:
    """Median over repeat buyers of their mean days between orders."""
    repeats = column_of(rows, "orders") - 1
    span_days = (column_of(rows, "last_order_us") - column_of(rows, "first_order_us")) / DAY_US
    gaps = span_days[repeats > 0] / repeats[repeats > 0]
    return float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 0.0


def predict(model: AdditiveModel, features: Floats) -> Floats:
    """Churn risk (n,) from the step tables, as the server computes it."""
    return sigmoid(model.tables.intercept + model.tables.terms(features).sum(axis=1))


def measure_against_classics(
    rows: LabelledStates,
    features: Floats,
    trained_on: NDArray[np.bool_],
    tested_on: NDArray[np.bool_],
    horizon_days: int,
) -> Metrics:
    """Metrics of the additive model and of each comparator, all from the same rows.

    A comparator that cannot be fitted to these data is left out.
    """
    test = rows.at(tested_on)
    model = fit_additive(features[trained_on], rows.churned[trained_on])
    metrics: Metrics = {"perennial": churn_metrics(test.churned, predict(model, features[tested_on]))}
    earlier = [
        (summarise(rows.at(at)), rows.churned[at])
        for cutoff_us in np.unique(rows.cutoffs_us[trained_on])
        if (at := rows.cutoffs_us == cutoff_us).any()
    ]
    try:
        risks = comparator_risks(earlier, summarise(test), horizon_days)
    except FitError:
        return metrics
    return {**metrics, **comparator_metrics(risks, test.churned)}


def train(training: Training, models_directory: Path, made_at: datetime, say: Say) -> Path:
    """Fits the model on every cut-off whose labels have come, and puts its artefact in force.

    Measured first on the last such cut-off, by a model trained on the earlier ones whose labels end
    before it. Raises Untrainable where the history is too short or too thin.
    """
    horizon_days = training.horizon_days
    span = span_of(training.events)
    cutoffs = monthly_cutoffs(span, span.last_us - horizon_days * DAY_US)
    if not cutoffs:
        days = (span.last_us - span.first_us) // DAY_US
        raise Untrainable(
            f"The orders span {days} days; 180 days of history and a horizon of {horizon_days} are needed. "
            "Scores come from rules until there is more history."
        )
    say(f"Reading states at {len(cutoffs)} monthly cut-offs …")
    rows = labelled_states(training.events, cutoffs, horizon_days)
    check_trainable(rows, horizon_days)
    features = rows.features()
    say(f"Fitting on {len(features):,} customers at past cut-offs …")
    metrics = _holdout_metrics(rows, features, cutoffs, horizon_days)
    model = fit_additive(features, rows.churned)
    latest = rows.at(rows.cutoffs_us == cutoffs[-1])
    members = {
        "horizon_days": horizon_days,
        "population": {"rhythm_days": usual_gap_days(latest), "customers": len(latest.churned)},
        "training": {
            "cutoffs": [to_time(cutoff_us).isoformat() for cutoff_us in cutoffs],
            "rows": len(features),
            "base_rate": float(rows.churned.mean()),
            "data_from": to_time(span.first_us).isoformat(),
            "data_until": to_time(span.last_us).isoformat(),
        },
        "data": {"source": training.source, "simulated": training.simulated},
        "metrics": metrics,
    }
    kind = "demo-churn" if training.simulated else "churn"
    return write_artefact(models_directory, kind, made_at.isoformat(timespec="seconds"), model, members)


def _holdout_metrics(
    rows: LabelledStates, features: Floats, cutoffs: Sequence[int], horizon_days: int
) -> dict[str, Any]:
    """Metrics on the last cut-off; none where no earlier label ends before it."""
    earlier = matured(cutoffs, cutoffs[-1], horizon_days)
    trained_on, tested_on = np.isin(rows.cutoffs_us, earlier), rows.cutoffs_us == cutoffs[-1]
    if (
        not earlier
        or len(np.unique(rows.churned[trained_on])) < 2
        or len(np.unique(rows.churned[tested_on])) < 2
    ):
        return {}
    return {
        "cutoff": to_time(cutoffs[-1]).isoformat(),
        "customers": int(tested_on.sum()),
        "base_rate": float(rows.churned[tested_on].mean()),
        "models": measure_against_classics(rows, features, trained_on, tested_on, horizon_days),
    }
