"""Making a model: what the history teaches, an honest measurement of the same way, and the artefact."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np

from app.lifecycle.drift import reference
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.targets import OTHERS
from app.lifecycle.value import value_curve
from ml.data.cutoffs import Span, Untrainable, span_of, to_time
from ml.data.leaks import refuse_leaks
from ml.evaluation.judging import compare, judge, outcomes_at
from ml.evaluation.prospects import judge_prospects
from ml.learning.additive import AdditiveModel
from ml.learning.churn import usual_gap_days
from ml.learning.methods import Learned, learn
from ml.learning.prospects import LearnedProspects, learn_prospects
from ml.learning.targets import Targets
from ml.report.card import render_card
from ml.training.artefact import Parts, write_artefact

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Training:
    """What a model is made from. `source` names the data; `simulated`: they are the demo shop's; `digits`
    are those of the currency's minor unit, for what is told of money; `calendar` is the country whose trade is the
    prior of the season. `refusing`: how many persons refuse profiling and are left out; None: nobody can tell."""

    events: ir.Table
    source: str
    simulated: bool
    horizon_days: int
    digits: int = 2
    calendar: str | None = None
    refusing: int | None = None


def train(training: Training, models_directory: Path, made_at: datetime, say: Say) -> Path:
    """Learns from everything, for use from the end of the data on, and writes the artefact; its directory.

    Measured on the last cut-off whose outcome is known, by what the same way learns from the events before it.
    Raises Untrainable where the history is too short or too thin.
    """
    span = span_of(training.events)
    learned = learn(training.events, span.until_us, training.horizon_days, say, training.calendar)
    refuse_leaks(training.events, learned.cutoffs_us[-1] if learned.cutoffs_us else span.until_us)
    prospects = learn_prospects(training.events, span.until_us, training.horizon_days)
    now = learned.present.features()
    expected = learned.targets.predict(now, span.until_us)
    unknown = [target.name for target in OTHERS if target.name not in learned.targets.models]
    members = {
        "horizon_days": training.horizon_days,
        "method": learned.method,
        "inner_horizon_days": learned.inner_horizon_days,
        "note": learned.note,
        "population": {
            "rhythm_days": usual_gap_days(learned.present),
            "customers": len(learned.present.customer_ids),
        },
        "training": _describe_rows(learned, span),
        "level": {
            "expected_share": float(expected.churn.mean()),
            "expected_orders": float(expected.orders.mean()),
            "expected_spend": float(expected.spend_minor.mean()) / 10**training.digits,
            **_expect_others(learned.targets, now, span.until_us, training.digits),
            **_describe_sureness(learned.targets),
        },
        **({"unknown_targets": unknown} if unknown else {}),
        **({"calendar": training.calendar} if training.calendar else {}),
        "data": {"source": training.source, "simulated": training.simulated, "refusing": training.refusing},
        "prospects": prospects.describe()
        | judge_prospects(training.events, [span.until_us - training.horizon_days * DAY_US], training.horizon_days),
        "metrics": _measure_before(training, span.until_us - training.horizon_days * DAY_US, say),
    }
    kind = "demo-churn" if training.simulated else "churn"
    parts = _assemble(learned, prospects, now, expected.spend_minor)
    return write_artefact(models_directory, kind, made_at, parts, members)


def _expect_others(targets: Targets, now: Floats, at_us: int, digits: int) -> dict[str, float]:
    """The mean of each of OTHERS that was learnt, by its member of the answer, as `expected_spend` in major units."""
    known = [target for target in OTHERS if target.name in targets.models]
    means = {target: float(targets.expect(target, now, at_us).mean()) for target in known}
    return {target.answer: mean / 10**digits if target.unit == "minor" else mean for target, mean in means.items()}


def _describe_rows(learned: Learned, span: Span) -> dict[str, Any]:
    return {
        "cutoffs": [to_time(cutoff_us).isoformat() for cutoff_us in learned.cutoffs_us],
        "rows": learned.rows,
        "base_rate": float(learned.past.churned.mean()) if len(learned.past.churned) else None,
        "data_from": to_time(span.first_us).isoformat(),
        "data_until": to_time(span.until_us).isoformat(),
    }


def _describe_sureness(targets: Targets) -> dict[str, Any]:
    """How well the level of churn is known at the end of the data, and where in what it reaches to it is known least;
    in log-odds. Nothing where no cut-offs tell."""
    deviations = targets.deviations.get("churn")
    if deviations is None:
        return {}
    worst = int(np.argmax(deviations))
    on = to_time(int(targets.level_days[worst]) * DAY_US)
    return {"deviation": float(deviations[0]), "worst_deviation": float(deviations[worst]), "worst_on": on.isoformat()}


def _assemble(learned: Learned, prospects: LearnedProspects, now: Floats, spend_minor: Floats) -> Parts:
    """`now` are the features of everyone known at the end of the data, (n, len(FEATURES)), `spend_minor` (n,)
    what is expected of them."""
    targets = learned.targets
    fitted = {**targets.models, **{f"prospects_{name}": model for name, model in prospects.models.items()}}
    return Parts(
        scorecard=targets.scorecard,
        value=value_curve(spend_minor),
        drift=reference(now),
        estimators={target: _members(model) for target, model in fitted.items()},
        card=render_card,
        prospects=prospects.card,
    )


def _members(model: AdditiveModel) -> Mapping[str, Any]:
    """The fitted estimators and what they read, as `ml.learning.additive.pooled_score` takes them, without tables."""
    return {field.name: getattr(model, field.name) for field in fields(model) if field.name != "tables"}


def _measure_before(training: Training, cutoff_us: int, say: Say) -> dict[str, Any]:
    """Metrics of each target beside its comparators; none where too little was known before the cut-off."""
    say(f"Measuring at {to_time(cutoff_us):%Y-%m-%d} …")
    events, horizon_days, minor_per_unit = training.events, training.horizon_days, 10.0**training.digits
    try:
        learned = learn(events, cutoff_us, horizon_days, say, training.calendar)
    except Untrainable:
        return {}
    test = outcomes_at(events, learned, cutoff_us, horizon_days)
    judged = {
        target: judge(target, learned, test, compare(target, events, learned, test, horizon_days), minor_per_unit)
        for target in learned.targets.models
    }
    told: dict[str, Any] = {
        "cutoff": to_time(cutoff_us).isoformat(),
        "n": len(test.churned),
        "base_rate": float(test.churned.mean()),
        "method": learned.method,
    }
    return told | {target: {"models": one.metrics, "left_out": one.left_out} for target, one in judged.items()}
