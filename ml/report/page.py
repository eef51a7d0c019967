"""An evaluation as one page that a CRM lead can read: no network, no script, fit for print."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from ml.evaluation.evaluating import AtCutoff, Evaluation
from ml.evaluation.judging import OURS
from ml.evaluation.metrics import Floats
from ml.report.pictures import (
    MODEL_LABELS,
    draw_gains,
    draw_lift,
    draw_months,
    draw_reliability,
    draw_stages,
    draw_tenths,
)
from ml.report.sentences import (
    METRIC_LABELS,
    about_levels,
    about_lift,
    about_limits,
    about_months,
    about_shapes,
    about_stages,
    about_undrawn,
    conclude,
    show,
)
from ml.report.shapes import draw_shape, shapes
from ml.report.style import STYLE

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


def render_report(evaluation: Evaluation, currency: str) -> str:
    """The page as HTML. Every text from the data is escaped."""
    result, at = evaluation.result, evaluation.latest
    sections = [
        _summary(result, currency),
        _figures(result),
        _section(
            "levels", "Does it happen as often as it says?", about_levels(result), [_levels(at, result, currency)]
        ),
        _section(
            "lift", "Does the list begin with the right people?", about_lift(result, at.judged), _order(at, result)
        ),
        _months_section(evaluation.months, result["target"], currency),
        _section(
            "stages", "Do the stages mean something?", about_stages(at), [draw_stages(at.stages, at.horizon_days)]
        ),
        _shapes_section(at, currency),
        _section("limits", "What these figures do not say", about_limits(result), []),
    ]
    title = f"{TITLES[result['target']]}: {result['cutoff']}, {result['horizon_days']} days"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{''.join(sections)}</main></body></html>\n"
    )


def _summary(result: Mapping[str, Any], currency: str) -> str:
    note = f"How it was learnt: {result['note']}"
    return "".join(f'<p class="lead">{escape(sentence)}</p>' for sentence in conclude(result, currency)) + _paragraph(
        note
    )


def _section(name: str, title: str, sentences: Sequence[str], pictures: Sequence[str]) -> str:
    drawn = "".join(f"<figure>{picture}</figure>" for picture in pictures)
    told = "".join(map(_paragraph, sentences))
    return f'<section id="{name}"><h2>{escape(title)}</h2>{told}<div class="pictures">{drawn}</div></section>'


def _paragraph(sentence: str) -> str:
    return f"<p>{escape(sentence)}</p>"


def _figures(result: Mapping[str, Any]) -> str:
    """The numbers beside the classics', each with its interval."""
    names = list(result["models"][OURS])
    head = "".join(f'<th scope="col">{escape(METRIC_LABELS[name])}</th>' for name in names)
    rows = "".join(
        _row(model, metrics, result["intervals"]["models"][model]) for model, metrics in result["models"].items()
    )
    lead = "".join(f"<td>{_lead(result['intervals']['against_best'][name], name)}</td>" for name in names)
    left_out = "".join(
        _paragraph(f"Left out: {MODEL_LABELS.get(name, name)}. {reason}") for name, reason in result["left_out"].items()
    )
    intervals = f"Below each figure is its {result['intervals']['level']:.0%} interval over customers drawn anew."
    return (
        '<section id="figures"><h2>Beside the classic models</h2>'
        f'<div class="wide"><table><thead><tr><th scope="col">model</th>{head}</tr></thead><tbody>{rows}'
        f'<tr class="lead-row"><th scope="row">lead over the best classic</th>{lead}</tr></tbody></table></div>'
        f"{_paragraph(intervals)}{left_out}</section>"
    )


def _row(model: str, metrics: Mapping[str, float | None], ranges: Mapping[str, list[float] | None]) -> str:
    cells = "".join(f"<td>{show(value, name)}{_range(ranges[name], name)}</td>" for name, value in metrics.items())
    kind = ' class="our-row"' if model == OURS else ""
    return f'<tr{kind}><th scope="row">{escape(MODEL_LABELS.get(model, model))}</th>{cells}</tr>'


def _range(interval: Sequence[float] | None, name: str) -> str:
    return "" if interval is None else f"<small>{show(interval[0], name)} … {show(interval[1], name)}</small>"


def _lead(lead: Mapping[str, Any] | None, name: str) -> str:
    if lead is None:
        return "–"
    over = f"<small>over {escape(MODEL_LABELS.get(lead['comparator'], lead['comparator']))}</small>"
    return f"{show(lead['lead'], name)}{_range(lead['interval'], name)}{over}"


def _levels(at: AtCutoff, result: Mapping[str, Any], currency: str) -> str:
    judged = at.judged
    if judged.target == "churn":
        return draw_reliability(judged.actual, _beside_best(at, result, "brier"))
    unit = "orders a customer" if judged.target == "orders" else f"{currency} a customer"
    return draw_tenths(judged.actual, judged.predictions[OURS], unit)


def _order(at: AtCutoff, result: Mapping[str, Any]) -> list[str]:
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


def _months_section(months: Sequence[Mapping[str, Any]], target: str, currency: str) -> str:
    titles = {"churn": "share who stay away", "orders": "orders a customer", "spend": f"{currency} a customer"}
    pictures = [draw_months(months, titles[target], target == "churn")] if len(months) > 1 else []
    return _section("months", "Does it hold through the seasons?", about_months(months, target), pictures)


def _shapes_section(at: AtCutoff, currency: str) -> str:
    target = at.judged.target
    found = shapes(at.learned.targets.models[target].tables, at.vectors)
    pictures = [draw_shape(shape, currency) for shape in found if shape.is_visible]
    drawn = _section("shapes", "What the model makes of each fact", about_shapes(target), pictures)
    return drawn + "".join(f'<p class="quiet">{escape(sentence)}</p>' for sentence in about_undrawn(found))
