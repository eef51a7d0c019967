"""The page of next baskets: what it says of figures that are given."""

import re

import pytest

from ml.evaluation.ranked import METRICS
from ml.report.baskets_page import draw_figure, render_baskets_report
from ml.report.drawing import Bar

LEVELS = {"perennial": 0.2, "popular": 0.08, "personal_frequency": 0.15}


def result_of(lead=(0.01, 0.05, 0.09), method="the next basket in 30 days from 2026-05-01, learned before"):
    """Every figure of a model is the same one; own frequency knows nothing that is new."""
    models: dict[str, dict[str, float | None]] = {name: dict.fromkeys(METRICS, level) for name, level in LEVELS.items()}
    models["personal_frequency"]["discover_recall_at_10"] = None
    ranges = {
        name: {metric: [value - 0.01, value + 0.01] for metric, value in metrics.items() if value is not None}
        for name, metrics in models.items()
    }
    low, middle, high = lead
    best = {"comparator": "personal_frequency", "lead": middle, "interval": [low, high]}
    intervals = {"level": 0.95, "draws": 500, "models": ranges, "against_best": dict.fromkeys(METRICS, best)}
    return {"n": 1234, "method": method, "models": models, "intervals": intervals}


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_page_says_what_was_found():
    page = render_baskets_report(result_of())
    told = words(page)
    assert "Of what 1,234 customers put into their next basket, 20.0% was among the ten" in told
    assert "That is more than by the best of the others, Own frequency (0.050, 0.010 to 0.090)." in told
    assert "Beside the rules and published methods" in told
    assert "Below each figure is its 95% interval" in told
    assert page.count("<svg") == 5
    assert not re.search(
        r"<(script|link|img|iframe)|url\(|@import|http", page.replace("http://www.w3.org/2000/svg", "")
    )


@pytest.mark.parametrize(
    ("lead", "verdict"),
    [((-0.03, -0.02, -0.01), "That is less than"), ((-0.01, 0.0, 0.01), "That is neither more nor less")],
)
def test_a_lead_that_is_none_is_not_called_one(lead, verdict):
    assert verdict in words(render_baskets_report(result_of(lead)))


def test_what_others_bought_next_is_said_to_be_of_the_same_weeks():
    assert "ours alone learns from it" not in words(render_baskets_report(result_of()))
    assert "ours alone learns from it" in words(render_baskets_report(result_of(method="5 folds of customers")))


def test_a_bar_is_as_long_as_its_figure_and_none_is_drawn_of_what_is_not_known():
    picture = draw_figure(result_of(), "recall_at_10")
    bars = [mark for mark in picture.marks if isinstance(mark, Bar)]
    assert bars[0].width / bars[1].width == pytest.approx(0.2 / 0.08)
    assert (bars[0].kind, bars[1].kind) == ("fill-ours", "fill-share")
    assert len([mark for mark in draw_figure(result_of(), "discover_recall_at_10").marks if isinstance(mark, Bar)]) == 2
    assert "Own frequency: 0.150" in picture.description
