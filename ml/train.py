"""Making the churn model: monthly cut-offs, an honest measurement, the fit on all, the artefact."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np

from app.lifecycle.events import DAY_US
from ml.artefact import write_artefact
from ml.btyd import FitError
from ml.churn import ChurnModel, fit_churn, measure_against_classics, usual_gap_days
from ml.cutoffs import (
    FALL_BACK,
    HISTORY_DAYS,
    Span,
    Untrainable,
    check_trainable,
    matured,
    monthly_cutoffs,
    span_of,
    to_time,
)
from ml.data import LabelledStates, labelled_states, refuse_leaks

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Training:
    """What a model is made from. `source` names the data; `simulated`: they are the demo shop's."""

    events: ir.Table
    source: str
    simulated: bool
    horizon_days: int


def train(training: Training, models_directory: Path, made_at: datetime, say: Say) -> Path:
    """Fits the model on every cut-off whose labels have come, and puts its artefact in force.

    Measured first on the last such cut-off, by a model trained on the earlier ones whose labels end
    before it. The model kept is for use from the end of the data on. Returns the artefact's directory.
    Raises Untrainable where the history is too short or too thin.
    """
    horizon_days, span = training.horizon_days, span_of(training.events)
    cutoffs = _training_cutoffs(span, horizon_days)
    say(f"Reading states at {len(cutoffs)} monthly cut-offs …")
    rows = labelled_states(training.events, [*cutoffs, span.until_us], horizon_days)
    past, present = rows.at(rows.cutoffs_us < span.until_us), rows.at(rows.cutoffs_us == span.until_us)
    check_trainable(past, present, horizon_days)
    refuse_leaks(training.events, cutoffs[-1])
    say(f"Measuring at {to_time(cutoffs[-1]):%Y-%m-%d} …")
    metrics = _holdout_metrics(past, cutoffs, horizon_days)
    say(f"Fitting on {len(past.churned):,} customers at past cut-offs …")
    model = fit_churn(past, present, horizon_days)
    members = {
        "horizon_days": horizon_days,
        "population": {"rhythm_days": usual_gap_days(present), "customers": len(present.churned)},
        "training": {
            "cutoffs": [to_time(cutoff_us).isoformat() for cutoff_us in cutoffs],
            "rows": len(past.churned),
            "base_rate": float(past.churned.mean()),
            "data_from": to_time(span.first_us).isoformat(),
            "data_until": to_time(span.until_us).isoformat(),
        },
        "level": describe_level(model),
        "data": {"source": training.source, "simulated": training.simulated},
        "metrics": metrics,
    }
    kind = "demo-churn" if training.simulated else "churn"
    return write_artefact(models_directory, kind, made_at, model.additive, members)


def _training_cutoffs(span: Span, horizon_days: int) -> list[int]:
    cutoffs = monthly_cutoffs(span, span.until_us - horizon_days * DAY_US)
    if cutoffs:
        return cutoffs
    raise Untrainable(
        f"The orders span {(span.last_us - span.first_us) // DAY_US} days; a model of {horizon_days} days "
        f"needs {HISTORY_DAYS + horizon_days}: history to look back on, then the outcome. {FALL_BACK}"
    )


def describe_level(model: ChurnModel) -> dict[str, Any]:
    """How the share of customers who will not buy was forecast, for the manifest."""
    return {
        "expected_share": model.expected_share,
        "shift": model.shift,
        "errors": [{"cutoff": to_time(error.cutoff_us).isoformat(), "shift": error.shift} for error in model.errors],
    }


def _holdout_metrics(past: LabelledStates, cutoffs: Sequence[int], horizon_days: int) -> dict[str, Any]:
    """Metrics on the last cut-off; none where the earlier ones whose labels end before it are too thin."""
    earlier, test = matured(cutoffs, cutoffs[-1], horizon_days), past.at(past.cutoffs_us == cutoffs[-1])
    known = past.at(np.isin(past.cutoffs_us, earlier))
    try:
        check_trainable(known, test, horizon_days)
        models = measure_against_classics(known, test, horizon_days)
    except (Untrainable, FitError):
        return {}
    return {
        "cutoff": to_time(cutoffs[-1]).isoformat(),
        "n": len(test.churned),
        "base_rate": float(test.churned.mean()),
        "models": models,
    }
