"""An evaluation of next baskets as one page that a merchandiser can read: no network, no script, fit for print."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml.evaluation.judging import OURS
from ml.report.drawing import Axis, Bar, Line, Mark, Picture, Text, tidy_ticks
from ml.report.layout import lay_out
from ml.report.page import Passage
from ml.report.pictures import label_model
from ml.report.sentences import METRIC_LABELS, show
from ml.report.standings import compile_standings

_WIDTH: Final = 560
_LABELS: Final = 250
_ROW: Final = 30
_KINDS: Final = ("repeat_recall_at_10", "explore_recall_at_10", "discover_recall_at_10")


def render_baskets_report(result: Mapping[str, Any]) -> str:
    """The page as HTML, of what `evaluate_baskets` returns. Every text from the data is escaped."""
    return lay_out(
        "baskets.html",
        title="What they buy next",
        conclusions=_conclude(result),
        note=result["method"],
        standings=compile_standings(result, others="rules and published methods"),
        places=Passage(_ABOUT_PLACES, [draw_figure(result, name) for name in ("recall_at_10", "phr_at_10")]),
        kinds=Passage(_ABOUT_KINDS, [draw_figure(result, name) for name in _KINDS]),
        limits=Passage(_about_limits(result)),
    )


def draw_figure(result: Mapping[str, Any], metric: str) -> Picture:
    """A bar a model, with its interval; models of which there is no such figure are left out."""
    found = {name: metrics[metric] for name, metrics in result["models"].items() if metrics[metric] is not None}
    ranges = result["intervals"]["models"]
    ends = [(ranges[name].get(metric) or (value, value))[1] for name, value in found.items()]
    across = Axis(0.0, max([*ends, 1e-9]), _LABELS, _WIDTH - 50)
    bottom = 40 + _ROW * len(found)
    parts: list[Mark] = [Text(0, 16, METRIC_LABELS[metric].removesuffix(" ↑"), kind="strong")]
    for tick in tidy_ticks(across.high):
        parts.append(Line((across(tick), 34), (across(tick), bottom)))
        parts.append(Text(across(tick), bottom + 16, f"{tick:.3g}", "middle", "quiet"))
    for row, (name, value) in enumerate(found.items()):
        top = 40 + _ROW * row
        kind = "fill-ours" if name == OURS else "fill-share"
        parts.append(Text(_LABELS - 8, top + 15, label_model(name), "end", "strong" if name == OURS else "label"))
        parts.append(Bar(across.start, top + 2, across(value) - across.start, _ROW - 12, kind))
        if interval := ranges[name].get(metric):
            low, high = (across(end) for end in interval)
            parts.append(Line((low, top + 11), (high, top + 11), "bound"))
        parts.append(Text(across(ends[row]) + 6, top + 15, show(value, metric), "start", "quiet", 11))
    told = "; ".join(f"{label_model(name)}: {show(value, metric)}" for name, value in found.items())
    return Picture(_WIDTH, bottom + 26, METRIC_LABELS[metric], told, parts)


def _conclude(result: Mapping[str, Any]) -> list[str]:
    ours = result["models"][OURS]
    sentences = [
        (
            f"Of what {result['n']:,} customers put into their next basket, {ours['recall_at_10']:.1%} was among the "
            f"ten items that Perennial would have shown; for {ours['phr_at_10']:.1%} of them at least one was."
        ),
    ]
    lead = result["intervals"]["against_best"]["recall_at_10"]
    if lead is not None:
        low, high = lead["interval"]
        verdict = "more" if low > 0 else "less" if high < 0 else "neither more nor less, within what chance may do,"
        sentences.append(
            f"That is {verdict} than by the best of the others, {label_model(lead['comparator'])} "
            f"({show(lead['lead'], 'recall_at_10')}, {show(low, 'recall_at_10')} to {show(high, 'recall_at_10')})."
        )
    return sentences


_ABOUT_PLACES: Final = (
    (
        "A list of ten for each customer, made of nothing but what was known before. The first picture is the share of "
        "what they then bought that was on it, the second the share of customers who bought something of it. The thin "
        "line is the interval over customers drawn anew."
    ),
)
_ABOUT_KINDS: Final = (
    (
        "Retail is repetition: a list that is right most often is made of what they have bought before. So what is new "
        "to a customer is judged by itself as well, in the last picture on a list of new items alone."
    ),
)
_LIMITS: Final = (
    (
        "They are of one shop, in one stretch of time. An item counts as found when it was bought, whether or not it "
        "was ever shown: what showing it brings, only outcomes of what was shown can say."
    ),
)
_UNTIMED: Final = (
    ("The data have no times: what other customers bought next is of the same weeks, and ours alone learns from it."),
)


def _about_limits(result: Mapping[str, Any]) -> Sequence[str]:
    is_of_others = "folds" in result["method"] or "others" in result["method"]
    return _LIMITS + _UNTIMED if is_of_others else _LIMITS
