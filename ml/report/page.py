"""An evaluation as one page that a CRM lead can read: no network, no script, fit for print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.lifecycle.own_money import OwnMoney
from app.lifecycle.targets import CHURN, ORDERS, OTHERS, SPEND, Unit, target_of
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
    about_own_money,
    about_shapes,
    about_stages,
    about_undrawn,
    conclude,
)
from ml.report.shapes import Shape, draw_shape, shapes
from ml.report.standings import compile_standings
from ml.report.words import words_of

TITLES: Final[Mapping[str, str]] = {
    **{target.name: target.summary for target in OTHERS},
    CHURN.name: "Who will stay away",
    ORDERS.name: "How many orders to expect",
    SPEND.name: "How much spend to expect",
}
_RANKED_BY: Final[Mapping[Unit, str]] = {
    "probability": "auc",
    "orders": "spearman",
    "pieces": "spearman",
    "minor": "normalised_gini",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """What stands under one heading."""

    sentences: Sequence[str]
    pictures: Sequence[Picture] = ()


def render_report(evaluation: Evaluation, currency: str) -> str:
    """The page as HTML. Every text from the data is escaped."""
    result, at = evaluation.result, evaluation.latest
    target = result["target"]
    model = at.learned.targets.models[target]
    found = shapes(model.tables, at.vectors)
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
        shapes=_shapes(found, target, model.own, currency),
        undrawn=about_undrawn(found, model.own),
        limits=Passage(about_limits(result)),
    )


def _levels(at: AtCutoff, result: Mapping[str, Any], currency: str) -> Picture:
    judged = at.judged
    if target_of(judged.target).is_probability:
        return draw_reliability(judged.actual, _beside_best(at, result, "brier"), words_of(judged.target))
    return draw_tenths(judged.actual, judged.predictions[OURS], _each(judged.target, currency))


def _each(target: str, currency: str) -> str:
    """What levels are in."""
    return f"{currency if target_of(target).unit == 'minor' else target} a customer"


def _order(at: AtCutoff, result: Mapping[str, Any]) -> list[Picture]:
    judged = at.judged
    actual = np.maximum(judged.actual, 0.0)
    if not actual.any():
        return []
    scores = _beside_best(at, result, _RANKED_BY[target_of(judged.target).unit])
    return [
        draw_gains(actual, scores, f"of all {words_of(judged.target).held}"),
        draw_lift(actual, judged.predictions[OURS]),
    ]


def _beside_best(at: AtCutoff, result: Mapping[str, Any], metric: str) -> dict[str, Floats]:
    """Ours and the comparator that is best by the metric, where there is one."""
    best = result["intervals"]["against_best"][metric]
    names = [OURS] if best is None else [OURS, best["comparator"]]
    return {name: at.judged.predictions[name] for name in names}


def _months(months: Sequence[Mapping[str, Any]], target: str, currency: str) -> Passage:
    is_share = target_of(target).is_probability
    title = words_of(target).share if is_share else _each(target, currency)
    pictures = [draw_months(months, title, is_share)] if len(months) > 1 else []
    return Passage(about_months(months, target), pictures)


def _shapes(found: Sequence[Shape], target: str, own: OwnMoney | None, currency: str) -> Passage:
    sentences = about_shapes(target) + about_own_money(own, currency)
    return Passage(sentences, [draw_shape(shape, currency) for shape in found if shape.is_visible])
