"""How well first orders of prospects were foretold, and who of them would prove one of the best customers.

At every cut-off everything is learned anew from the events before it. Beside ours: the rule of activity as it serves
until enough is known, days since the last visit alone, and the number of visits alone.
"""

from collections.abc import Sequence
from typing import Any, Final

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.prospects import ProspectCard
from ml.data.cutoffs import FALL_BACK, Untrainable, span_of, to_time
from ml.data.leaks import refuse_leaks
from ml.data.prospects import prospect_states
from ml.evaluation.judging import OURS
from ml.evaluation.metrics import churn_metrics, rank_metrics
from ml.learning.prospects import learn_prospects

STEP_DAYS: Final = 28
RULE, RECENCY, COUNT = "activity_rule", "recency", "activity_count"
_RECENCY, _KNOWN, _VISITS = (FEATURE_NAMES.index(name) for name in ("visit_recency_days", "known_days", "visits"))
_TARGETS: Final = ("first_order", "likeness")


def evaluate_prospects(events: ir.Table, horizon_days: int, number: int) -> dict[str, Any]:
    """Of `number` cut-offs STEP_DAYS apart, the last a horizon before the orders end, all prospects together.

    Raises Untrainable where there are none, Leak.
    """
    until_us = span_of(events).until_us
    last_us = until_us - horizon_days * DAY_US
    cutoffs = [last_us - step * STEP_DAYS * DAY_US for step in reversed(range(number))]
    judged = judge_prospects(events, cutoffs, horizon_days)
    if not judged["n"]:
        raise Untrainable(f"Nobody was seen before their first order at these cut-offs. {FALL_BACK}")
    return judged


def judge_prospects(events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int) -> dict[str, Any]:
    """The figures, as `perennial evaluate prospects --json` prints them and a manifest keeps them. Raises Leak."""
    rows = [_judge_at(events, cutoff_us, horizon_days) for cutoff_us in cutoffs_us]
    each = [dict(zip(_TARGETS, one, strict=True)) for one in rows]
    told: dict[str, Any] = {
        "horizon_days": horizon_days,
        "cutoffs": [f"{to_time(cutoff_us):%Y-%m-%d}" for cutoff_us in cutoffs_us],
        "n": sum(len(one["first_order"][0]) for one in each),
    }
    if not told["n"]:
        return told
    return told | {target: _measure([one[target] for one in each]) for target in _TARGETS}


Judged = tuple[NDArray[np.bool_], dict[str, Floats]]
"""What came, (n,), and what each model said of it, (n,)."""


def _judge_at(events: ir.Table, cutoff_us: int, horizon_days: int) -> tuple[Judged, Judged]:
    refuse_leaks(events, cutoff_us)
    card = learn_prospects(events, cutoff_us, horizon_days).card
    test = prospect_states(events, [cutoff_us], horizon_days)
    rows = test.features()
    rule = ProspectCard(horizon_days, rate=card.rate, best_share=card.best_share)
    plain = {
        RECENCY: -np.where(np.isnan(rows[:, _RECENCY]), rows[:, _KNOWN], rows[:, _RECENCY]),
        COUNT: rows[:, _VISITS],
    }
    outcomes = (test.has_first_order, test.is_best)
    first, likeness = (
        (came, {OURS: ours, RULE: by_rule, **plain})
        for came, ours, by_rule in zip(outcomes, card.expect(rows), rule.expect(rows), strict=True)
    )
    return first, likeness


def _measure(each: Sequence[Judged]) -> dict[str, Any]:
    came = np.concatenate([one for one, _ in each])
    said = {model: np.concatenate([scores[model] for _, scores in each]) for model in each[0][1]}
    return {
        "came": int(came.sum()),
        "base_rate": float(came.mean()),
        "mean_predicted": float(said[OURS].mean()),
        "models": {
            model: churn_metrics(came, scores) if model in (OURS, RULE) else rank_metrics(came, scores)
            for model, scores in said.items()
        },
    }
