"""How good the scores are on a retailer's own past, beside the classic models.

At every cut-off the model is learnt anew from nothing but the events before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

import ibis.expr.types as ir
import numpy as np

from app.lifecycle.events import DAY_US, minor_digits
from app.lifecycle.features import Floats
from app.lifecycle.stages import StagePolicy
from app.lifecycle.targets import CHURN, target_of
from ml.data.cutoffs import FALL_BACK, Span, Untrainable, count, monthly_cutoffs, span_of, to_time, to_us
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.histories import read_history
from ml.data.leaks import refuse_leaks
from ml.data.states import LabelledStates
from ml.evaluation.bootstrap import intervals
from ml.evaluation.judging import OURS, Judged, compare, judge, name_of_mean, outcomes_at
from ml.evaluation.metrics import MORE_IS_BETTER
from ml.evaluation.staging import StageShare, judge_stages, realised_repurchase
from ml.learning.churn import usual_gap_days
from ml.learning.comparators import Comparison
from ml.learning.methods import Learned, learn

Say = Callable[[str], None]
Cutoffs = Literal["one", "levels", "monthly"]


@dataclass(frozen=True, slots=True)
class History:
    """What is judged: a retailer's events, and how they are to be read."""

    events: ir.Table
    horizon_days: int
    minor_per_unit: float
    policy: StagePolicy
    say: Say
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class AtCutoff:
    """A target at one cut-off. `risk` is P(no purchase), (n,), whatever the target; `vectors` the features."""

    cutoff_us: int
    horizon_days: int
    learned: Learned
    test: LabelledStates
    vectors: Floats
    risk: Floats
    judged: Judged
    stages: list[StageShare]

    def describe(self) -> dict[str, Any]:
        """The figures, as `perennial evaluate --json` prints them."""
        judged, predicted = self.judged, self.judged.predictions[OURS]
        actual_mean = float(judged.actual.mean())
        told = {
            "target": judged.target,
            "cutoff": f"{to_time(self.cutoff_us):%Y-%m-%d}",
            "horizon_days": self.horizon_days,
            "n": len(judged.actual),
            name_of_mean(judged.target): actual_mean,
            "mean_predicted": float(predicted.mean()),
            "models": judged.metrics,
            "left_out": judged.left_out,
            "method": self.learned.method,
            "note": self.learned.note,
            "intervals": intervals(judged.actual, judged.predictions, judged.metrics),
        }
        return told | ({"stages": [asdict(share) for share in self.stages]} if judged.target == CHURN.name else {})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`result` is what `--json` prints, `latest` the cut-off asked for, `months` how the level fared over time."""

    result: dict[str, Any]
    latest: AtCutoff
    months: list[dict[str, Any]]


def evaluate(
    path: Path,
    target: str,
    cutoff: date | None,
    horizon_days: int = 90,
    *,
    cutoffs: Cutoffs = "one",
    progress: Say,
    currency: str = "CNY",
    reading: FileReading = AS_IT_IS,
    policy: StagePolicy | None = None,
    take: Callable[[ir.Table], ir.Table] = lambda events: events,
    calendar: str | None = None,
) -> Evaluation:
    """Judges a target over all who bought before the cut-off, by what they did in `[cut-off, cut-off + horizon)`.

    A cut-off is midnight UTC; None is the last one whose outcome is known. `cutoffs` "monthly" adds the
    same day of the earlier months to the result, one that cannot be judged to `skipped` with the reason;
    "levels" only asks how far our level was off in those months. `result` holds `n`, `base_rate` (churn)
    or `mean_actual`, and for each of `models` the metrics of `ml.evaluation.metrics.MEASURERS`, null where a
    model's score is no probability; money is in major units. `take` hands the events to the engine that makes
    states of them, `calendar` names the country whose trade is the prior of the season.
    Raises Untrainable, UnusableTransactions, Leak.
    """
    events = read_history(path, source="evaluation", currency=currency, reading=reading, say=progress)
    history = History(
        take(events), horizon_days, 10.0 ** minor_digits(currency), policy or StagePolicy(), progress, calendar
    )
    span = span_of(history.events)
    cutoff_us = _last_known(span, horizon_days) if cutoff is None else to_us(datetime.combine(cutoff, time(), UTC))
    _refuse_unknown_outcome(span, cutoff_us, horizon_days)
    earlier, skipped = [], []
    for month_us in _earlier_months(span, cutoff_us) if cutoffs != "one" else ():
        try:
            earlier.append(judge_at(history, target, month_us, cutoffs == "monthly").describe())
        except Untrainable as error:
            skipped.append({"cutoff": f"{to_time(month_us):%Y-%m-%d}", "reason": str(error)})
    latest = judge_at(history, target, cutoff_us)
    result = latest.describe()
    each = [*earlier, result]
    if cutoffs == "monthly":
        result = result | {"cutoffs": each, "skipped": skipped, "summary": summarise_cutoffs(each)}
    return Evaluation(result, latest, list(map(_describe_month, each)))


def judge_at(history: History, target: str, cutoff_us: int, compared: bool = True) -> AtCutoff:
    """Learns from the events before the cut-off and measures after it, `compared` to the classics.

    Raises Untrainable, Leak.
    """
    history.say(f"{to_time(cutoff_us):%Y-%m-%d}: learning from what was known then …")
    refuse_leaks(history.events, cutoff_us)
    before = history.events.filter(history.events.occurred_us < cutoff_us)
    learned = learn(before, cutoff_us, history.horizon_days, history.say, history.calendar)
    if target not in learned.targets.models:
        raise Untrainable(f"Nothing came of {target} after the past cut-offs. {FALL_BACK}")
    test = outcomes_at(history.events, learned, cutoff_us, history.horizon_days)
    vectors = test.features()
    risk = learned.targets.predict(vectors, cutoff_us).churn
    stages = judge_stages(vectors, risk, usual_gap_days(test), history.horizon_days, history.policy)
    shares = realised_repurchase(np.array([stage for stage, _ in stages]), test.churned)
    others = compare(target, history.events, learned, test, history.horizon_days) if compared else Comparison()
    judged = judge(target, learned, test, others, history.minor_per_unit)
    return AtCutoff(cutoff_us, history.horizon_days, learned, test, vectors, risk, judged, shares)


def summarise_cutoffs(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and worst of every number over cut-offs, and how the level fared month by month."""
    names = list(dict.fromkeys(model for result in each for model in result["models"]))
    return {
        "cutoffs": len(each),
        "models": {
            name: _spread([result["models"][name] for result in each if name in result["models"]]) for name in names
        },
        "months": [_describe_month(result) for result in each],
    }


def _describe_month(result: dict[str, Any]) -> dict[str, Any]:
    actual = result[name_of_mean(result["target"])]
    known = {"cutoff": result["cutoff"], "n": result["n"]}
    known |= {"mean_predicted": result["mean_predicted"], "mean_actual": actual}
    known["bias"] = result["mean_predicted"] / actual - 1 if actual > 0 else None
    return known | ({"ece": result["models"][OURS]["ece"]} if target_of(result["target"]).is_probability else {})


def _spread(metrics: Sequence[dict[str, float | None]]) -> dict[str, dict[str, float] | None]:
    found: dict[str, dict[str, float] | None] = {}
    for name in metrics[0]:
        values = [value for each in metrics if (value := each[name]) is not None]
        worst = min if name in MORE_IS_BETTER else max
        size = abs if name == "bias" else float
        found[name] = {"mean": float(np.mean(values)), "worst": worst(values, key=size)} if values else None
    return found


def _last_known(span: Span, horizon_days: int) -> int:
    return span.until_us - horizon_days * DAY_US


def _earlier_months(span: Span, cutoff_us: int) -> list[int]:
    return [month_us for month_us in monthly_cutoffs(span, cutoff_us) if month_us < cutoff_us]


def _refuse_unknown_outcome(span: Span, cutoff_us: int, horizon_days: int) -> None:
    """Raises Untrainable where the history does not reach from before the cut-off to the end of its horizon."""
    last_us = _last_known(span, horizon_days)
    if last_us <= span.first_us:
        spanned = count((span.last_us - span.first_us) // DAY_US, "day", "days")
        raise Untrainable(
            f"The orders span {spanned}; to measure a forecast of {horizon_days} days it takes those and a history "
            f"before them. {FALL_BACK}"
        )
    if cutoff_us <= span.first_us:
        raise Untrainable(
            f"No order is before {to_time(cutoff_us):%Y-%m-%d}: the first is of {to_time(span.first_us):%Y-%m-%d}; "
            f"there is nothing to forecast from. {FALL_BACK}"
        )
    if span.last_us < cutoff_us + (horizon_days - 1) * DAY_US:
        raise Untrainable(
            f"The data end on {to_time(span.last_us):%Y-%m-%d}: who bought until "
            f"{to_time(cutoff_us + horizon_days * DAY_US):%Y-%m-%d} is not known yet. Use {to_time(last_us):%Y-%m-%d} "
            "or an earlier cut-off instead."
        )
