"""An evaluation as one page that a CRM lead can read: no network, no script, fit for print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ml.evaluation.evaluating import AtCutoff, Evaluation
from ml.evaluation.judging import OURS
from ml.evaluation.metrics import Floats
from ml.report.drawing import Picture
from ml.report.layout import lay_out
from ml.report.pictures import draw_gains, draw_lift, draw_months, draw_reliability, draw_stages, draw_tenths
from ml.report.sentences import (
    about_levels,
    about_lift,
    about_limits,
    about_months,
    about_shapes,
    about_stages,
    about_undrawn,
    conclude,
)
from ml.report.shapes import Shape, draw_shape, shapes
from ml.report.standings import compile_standings

TITLES: Final[Mapping[str, str]] = {
    "churn": "Who will stay away",
    "orders": "How many orders to expect",
    "spend": "How much spend to expect",
}
_HELD: Final[Mapping[str, str]] = {
    "churn": "of all who stayed away",
    "orders": "of all orders",
    "spend": "of all spend",
}
_RANKED_BY: Final[Mapping[str, str]] = {"churn": "auc", "orders": "spearman", "spend": "normalised_gini"}


@dataclass(frozen=True, slots=True)
class Passage:
    """What stands under one heading."""

    sentences: Sequence[str]
    pictures: Sequence[Picture] = ()


def render_report(evaluation: Evaluation, currency: str) -> str:
    """The page as HTML. Every text from the data is escaped."""
    result, at = evaluation.result, evaluation.latest
    target = result["target"]
    found = shapes(at.learned.targets.models[target].tables, at.vectors)
    return lay_out(
        "report.html",
        title=f"{TITLES[target]}: {result['cutoff']}, {result['horizon_days']} days",
        conclusions=conclude(result, currency),
        note=result["note"],
        standings=compile_standings(result),
        levels=Passage(about_levels(result), [_levels(at, result, currency)]),
        lift=Passage(about_lift(result, at.judged), _order(at, result)),
        months=_months(evaluation.months, target, currency),
        stages=Passage(about_stages(at), [draw_stages(at.stages, at.horizon_days)]),
        shapes=_shapes(found, target, currency),
        undrawn=about_undrawn(found),
        limits=Passage(about_limits(result)),
    )


def _levels(at: AtCutoff, result: Mapping[str, Any], currency: str) -> Picture:
    judged = at.judged
    if judged.target == "churn":
        return draw_reliability(judged.actual, _beside_best(at, result, "brier"))
    unit = "orders a customer" if judged.target == "orders" else f"{currency} a customer"
    return draw_tenths(judged.actual, judged.predictions[OURS], unit)


def _order(at: AtCutoff, result: Mapping[str, Any]) -> list[Picture]:
    judged = at.judged
    actual = np.maximum(judged.actual, 0.0)
    if not actual.any():
        return []
    scores = _beside_best(at, result, _RANKED_BY[judged.target])
    return [draw_gains(actual, scores, _HELD[judged.target]), draw_lift(actual, judged.predictions[OURS])]


def _beside_best(at: AtCutoff, result: Mapping[str, Any], metric: str) -> dict[str, Floats]:
    """Ours and the comparator that is best by the metric, where there is one."""
    best = result["intervals"]["against_best"][metric]
    names = [OURS] if best is None else [OURS, best["comparator"]]
    return {name: at.judged.predictions[name] for name in names}


def _months(months: Sequence[Mapping[str, Any]], target: str, currency: str) -> Passage:
    titles = {"churn": "share who stay away", "orders": "orders a customer", "spend": f"{currency} a customer"}
    pictures = [draw_months(months, titles[target], target == "churn")] if len(months) > 1 else []
    return Passage(about_months(months, target), pictures)


def _shapes(found: Sequence[Shape], target: str, currency: str) -> Passage:
    return Passage(about_shapes(target), [draw_shape(shape, currency) for shape in found if shape.is_visible])
