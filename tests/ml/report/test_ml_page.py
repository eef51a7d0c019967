"""The report: whole, self-contained, escaped, and true to the figures."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from jinja2 import UndefinedError

from app.lifecycle.features import FEATURE_NAMES, FEATURES
from app.lifecycle.own_money import OwnMoney
from app.lifecycle.scorer import StepTables
from ml.evaluation.judging import OURS, Judged
from ml.evaluation.staging import StageShare
from ml.report.drawing import Axis, Bar, Dot, Line, Mark, Path, Picture, Text, steps, tidy_ticks
from ml.report.layout import lay_out, lay_out_picture
from ml.report.page import Passage
from ml.report.pictures import draw_gains, draw_months, draw_reliability, draw_stages, gains, tenths
from ml.report.sentences import (
    about_levels,
    about_lift,
    about_limits,
    about_months,
    about_own_money,
    about_undrawn,
    conclude,
    show,
)
from ml.report.shapes import draw_shape, shapes, tell
from ml.report.standings import compile_standings
from ml.report.words import words_of

HOSTILE = "<script>alert('&')</script>"


def parsed(picture):
    return ET.fromstring(lay_out_picture(picture))


def words(picture):
    return " ".join(" ".join(parsed(picture).itertext()).split())


def test_ticks_are_round_numbers_within_bounds():
    assert tidy_ticks(1.0) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert tidy_ticks(873.0) == [0.0, 250.0, 500.0, 750.0]
    assert tidy_ticks(0.0) == [0.0]


def test_an_axis_ends_where_the_picture_does():
    axis = Axis(0.0, 10.0, 50.0, 150.0)
    assert [axis(value) for value in (-5.0, 0.0, 5.0, 20.0)] == [50.0, 50.0, 100.0, 150.0]
    assert Axis(3.0, 3.0, 0.0, 10.0)(3.0) == 5.0


def test_a_stair_holds_between_its_edges():
    assert steps([0.0, 1.0, 3.0], [5.0, 6.0]) == [(0.0, 5.0), (1.0, 5.0), (1.0, 6.0), (3.0, 6.0)]


def test_every_text_is_escaped():
    picture = Picture(10, 10, HOSTILE, HOSTILE, [Text(1, 1, HOSTILE)])
    assert "<script>" not in lay_out_picture(picture)
    assert [told for told in parsed(picture).itertext() if told.strip()] == [HOSTILE] * 3
    assert parsed(picture).attrib["aria-label"] == HOSTILE
    assert "<script>" not in lay_out("report.html", **page_of(title=HOSTILE, note=HOSTILE, undrawn=[HOSTILE]))


def test_every_mark_is_written_where_it_is():
    marks: list[Mark] = [
        Text(1, 2, "told", "end", "quiet", 11),
        Line((0, 1.04), (2, 3.06), "axis"),
        Path([(0, 1), (2.25, 3)], "ours"),
        Dot(5, 6, "dot"),
        Bar(1, 2, 3, 4, "fill-actual"),
        Bar(1, 2, 3, -4, "fill-ours"),
    ]
    drawn = [(part.tag, dict(part.attrib)) for part in parsed(Picture(10, 20, "a", "b", marks)) if part.attrib]
    assert drawn == [
        ("text", {"x": "1.0", "y": "2.0", "text-anchor": "end", "class": "quiet", "font-size": "11"}),
        ("line", {"x1": "0.0", "y1": "1.0", "x2": "2.0", "y2": "3.1", "class": "axis"}),
        ("polyline", {"points": "0.0,1.0 2.2,3.0", "class": "ours"}),
        ("circle", {"cx": "5.0", "cy": "6.0", "r": "4", "class": "dot"}),
        ("rect", {"x": "1.0", "y": "2.0", "width": "3.0", "height": "4.0", "class": "fill-actual"}),
        ("rect", {"x": "1.0", "y": "2.0", "width": "3.0", "height": "0.0", "class": "fill-ours"}),
    ]


def page_of(**content):
    """What the page is made of, as little as there can be."""
    empty = dict.fromkeys(("levels", "lift", "months", "stages", "shapes", "limits"), Passage([]))
    usual = {"title": "", "note": "", "conclusions": [], "undrawn": [], "standings": compile_standings(standing())}
    return empty | usual | content


def standing(**other):
    """A result with two models, one of which had no value for its only metric, and one left out."""
    return {
        "models": {OURS: {"auc": 0.81}, "bg_nbd": {"auc": None}},
        "left_out": {"pareto_nbd": "Nobody bought again."},
        "intervals": {
            "level": 0.95,
            "models": {OURS: {"auc": [0.8, 0.82]}, "bg_nbd": {"auc": None}},
            "against_best": {"auc": {"comparator": "bg_nbd", "lead": -0.01, "interval": [-0.02, 0.01]}},
        },
    } | other


def table_of(page):
    """Rows of cells, each the texts in it."""
    found = re.search(r"<table>.*</table>", page, re.DOTALL)
    assert found
    table = ET.fromstring(found[0])
    return [[list(cell.itertext()) for cell in row] for row in table.iter("tr")]


def test_the_table_has_every_figure_its_interval_and_our_lead():
    assert table_of(lay_out("report.html", **page_of())) == [
        [["model"], ["order (AUC) ↑"]],
        [["Perennial"], ["0.810", "0.800 … 0.820"]],
        [["BG/NBD"], ["–"]],
        [["lead over the best of them"], ["−0.010", "−0.020 … 0.010", "over BG/NBD"]],
    ]
    alone = standing(models={OURS: {"auc": 0.81}})
    alone["intervals"] = alone["intervals"] | {"against_best": {"auc": None}}
    assert table_of(lay_out("report.html", **page_of(standings=compile_standings(alone))))[-1][1] == ["–"]


def test_our_row_stands_out_and_who_is_left_out_is_named():
    page = lay_out("report.html", **page_of())
    assert re.findall(r'<tr class="our-row"><th scope="row">([^<]+)', page) == ["Perennial"]
    assert "<p>Left out: Pareto/NBD. Nobody bought again.</p>" in page
    assert "its 95% interval over customers drawn anew" in page


@pytest.mark.parametrize("name", ["title", "note", "undrawn", "months", "standings"])
def test_a_page_that_lacks_something_is_refused(name):
    content = page_of()
    del content[name]
    with pytest.raises(UndefinedError, match=name):
        lay_out("report.html", **content)


def test_the_page_needs_nothing_from_elsewhere():
    """No script, no network: not by a link, a source, an import or an address in the style."""
    page = lay_out("report.html", **page_of())
    assert not re.search(r"<script|<link|<img|<iframe|\b(src|href)=|@import|url\(|https?:", page)


def test_it_is_light_dark_and_fit_for_print():
    page = lay_out("report.html", **page_of())
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page
    assert "#shapes figure { flex: 0 1 320px; }" in page
    assert "&#" not in page[page.index("<style>") : page.index("</style>")]


def test_tenths_are_ordered_by_the_prediction():
    found = tenths(np.arange(100.0), np.arange(100.0))
    assert found[:, 0].tolist() == [4.5 + 10 * number for number in range(10)]
    assert found[:, 2].tolist() == [10.0] * 10


def test_gains_by_hand():
    """The top fifth of five customers holds six of ten."""
    curve = dict(gains(np.array([1.0, 6.0, 0.0, 2.0, 1.0]), np.array([2.0, 9.0, 0.0, 3.0, 1.0])))
    assert (curve[0.0], curve[0.2], curve[0.4], curve[1.0]) == (0.0, 0.6, 0.8, 1.0)
    assert dict(gains(np.zeros(4), np.arange(4.0)))[0.5] == 0.5


def test_the_reliability_picture_tells_its_numbers_to_who_cannot_see_it():
    risk = np.linspace(0, 1, 1000)
    churned = (np.random.default_rng(1).random(1000) < risk).astype(float)
    told = words(draw_reliability(churned, {"perennial": risk, "bg_nbd": risk**2}, words_of("churn")))
    assert "stated 5%" in told
    assert "stated 95%" in told
    assert "BG/NBD" in told


def test_stages_carry_their_counts():
    told = words(draw_stages([StageShare("mature", 1200, 0.71), StageShare("lost", 0, None)], 90))
    assert "71% of 1,200 customers" in told
    assert "nobody" in told


def test_months_tell_forecast_and_outcome():
    months = [{"cutoff": f"2026-0{n}-01", "mean_predicted": 0.5, "mean_actual": 0.4 + n / 100} for n in (1, 2)]
    assert "2026-02-01: forecast 50.0%, came 42.0%" in words(draw_months(months, "share", True))
    assert "8.5 points on average, 9.0 points at worst (2026-01-01)" in about_months(months, "churn")[0]
    assert "no earlier month" in about_months(months[:1], "churn")[0]


def tables_of(**told):
    """Tables in which the features named have edges and steps."""
    edges = [np.empty(0) for _ in FEATURES]
    heights = [np.zeros(2) for _ in FEATURES]
    for name, (edge, step) in told.items():
        edges[FEATURE_NAMES.index(name)], heights[FEATURE_NAMES.index(name)] = np.array(edge), np.array(step)
    return StepTables(0.0, tuple(edges), tuple(heights))


@pytest.fixture
def drawn_shapes():
    """Recency matters more than orders; half the customers' last gap is unknown."""
    vectors = np.zeros((200, len(FEATURES)))
    vectors[:, FEATURE_NAMES.index("recency_days")] = np.linspace(1, 400, 200)
    vectors[:, FEATURE_NAMES.index("orders")] = np.arange(200) % 7
    vectors[:, FEATURE_NAMES.index("last_gap_days")] = np.where(np.arange(200) % 2, 30.0, np.nan)
    tables = tables_of(
        recency_days=([50.0, 200.0], [0.0, -1.0, 0.2, 0.8]),
        orders=([3.0], [0.0, 0.1, -0.1]),
        last_gap_days=([10.0], [0.05, 0.0, -0.05]),
    )
    return shapes(tables, vectors)


def shape_of(name, column, edges, heights):
    """The shape of one feature whose table has these edges and heights, on customers with these values."""
    vectors = np.zeros((len(column), len(FEATURES)))
    vectors[:, FEATURE_NAMES.index(name)] = column
    (shape,) = shapes(tables_of(**{name: (edges, [0.0, *heights])}), vectors)
    return shape


def test_shapes_come_strongest_first_and_hold_the_steps(drawn_shapes):
    assert [FEATURE_NAMES[shape.feature] for shape in drawn_shapes] == ["recency_days", "orders", "last_gap_days"]
    recency = drawn_shapes[0]
    assert recency.heights.tolist() == [-1.0, 0.2, 0.8]
    assert recency.edges[1:-1].tolist() == [50.0, 200.0]
    assert (recency.inside >= recency.edges[0]).all()
    assert (recency.inside <= recency.edges[-1]).all()
    assert (drawn_shapes[2].unknown_share, drawn_shapes[2].unknown_term) == (0.5, 0.05)


def test_a_shape_is_drawn_with_its_factors_and_the_unknown(drawn_shapes):
    assert "Days since the last order" in words(draw_shape(drawn_shapes[0], "GBP"))
    assert "from × 0.37 to × 2.23" in words(draw_shape(drawn_shapes[0], "GBP"))
    assert "unknown: 50% of customers" in words(draw_shape(drawn_shapes[2], "GBP"))


def test_money_is_shown_in_major_units_of_its_currency(drawn_shapes):
    spend = replace(drawn_shapes[0], feature=FEATURE_NAMES.index("net_spend"), edges=np.array([0, 5e4, 2e5, 4e5]))
    spend = replace(spend, inside=np.linspace(0, 4e5, 50))
    assert words(draw_shape(spend, "GBP")).endswith("4,000 GBP")
    assert "400,000 JPY" in words(draw_shape(spend, "JPY"))


def test_numbers_of_an_axis_are_round():
    printed = [tell(56_455.97, 60_000), tell(2.88e-19, 1), tell(3.07e-06, 3.71), tell(373.2, 400), tell(1.0, 38)]
    assert printed == ["56,000", "0", "0", "370", "1"]
    assert [tell(0.345, 2), tell(-0.998, 2), tell(0.0, 0.0), tell(7.0, 0.0)] == ["0.34", "−1", "0", "7"]


def test_a_chance_is_told_in_hundredths():
    shape = shape_of("lapse_chance", np.linspace(0, 1, 101), [0.5], [-1.0, 1.0])
    assert "1 % 50 % 99 %" in words(draw_shape(shape, "GBP"))


def test_a_few_far_beyond_the_others_stand_at_the_border():
    """Three of two hundred are a thousand times beyond: the axis ends at five times the 95th in a hundred."""
    silence = np.concatenate([np.linspace(0.1, 10, 197), [56_000.0] * 3])
    shape = shape_of("silence_ratio", silence, [2.0, 1000.0], [-0.2, 0.2, 0.5])
    assert shape.edges[-1] == pytest.approx(5 * np.quantile(silence, 0.95))
    assert shape.heights.tolist() == [-0.2, 0.2]
    assert (shape.inside == shape.edges[-1]).sum() == 3
    assert len(shape.inside) == 200


def test_only_what_can_be_seen_is_drawn_and_the_rest_is_named(drawn_shapes):
    assert [shape.is_visible for shape in drawn_shapes] == [True, True, True]
    weak = replace(drawn_shapes[2], spread=0.04)
    assert not weak.is_visible
    faint, silent = about_undrawn([*drawn_shapes[:2], weak], None)
    assert faint == "Too little to draw, less than 5 % between nine customers in ten: Days between the last two orders."
    assert silent.startswith("Without a say here: Days since the first order, ")
    assert "Days since the last order" not in silent


def test_it_says_where_the_news_of_the_recency_has_gone(drawn_shapes):
    lapse = shape_of("lapse_chance", np.linspace(0, 1, 101), [0.5], [-1.0, 1.0])
    told = about_undrawn([lapse], None)[-1]
    assert "“Days since the last order” has no curve" in told
    assert "“Chance of no order in 90 days at this pace” has taken it over" in told
    assert "taken it over" not in " ".join(about_undrawn([lapse, *drawn_shapes], None))


def test_a_comparator_that_agrees_is_seen_over_ours():
    risk = np.linspace(0, 1, 100)
    kinds = [
        part.attrib["class"]
        for part in parsed(draw_gains(risk, {"perennial": risk, "bg_nbd": risk}, "of all"))
        if part.tag == "polyline"
    ]
    assert kinds.index("theirs") > kinds.index("ours")
    assert re.search(r"\.theirs {[^}]*stroke-dasharray", lay_out("style.css"))


def result_of(**other):
    lead = {"comparator": "bg_nbd", "lead": 0.01, "interval": [0.002, 0.018]}
    result = {
        "target": "churn",
        "cutoff": "2026-03-02",
        "horizon_days": 60,
        "n": 1234,
        "base_rate": 0.4,
        "mean_predicted": 0.42,
        "models": {"perennial": {"auc": 0.81, "brier": 0.15, "ece": 0.02}},
        "intervals": {"against_best": {"auc": lead, "brier": lead | {"lead": -0.01, "interval": [-0.03, 0.01]}}},
    }
    return result | other


def test_the_conclusion_in_plain_sentences():
    what, order, error = conclude(result_of(), "CNY")
    assert "1,234 customers" in what
    assert "40.0% did not buy" in what
    assert "81.0 of 100 cases" in order
    assert "0.010 better than BG/NBD, more than chance explains" in order
    assert "0.010 worse than BG/NBD, which chance may explain" in error
    assert "can be taken at its word" in about_levels(result_of())[1]
    assert "is off" in about_levels(result_of(models={"perennial": {"ece": 0.12}}))[1]


def test_numbers_as_they_are_printed():
    printed = [show(0.8271, "auc"), show(None, "brier"), show(-0.051, "bias"), show(296.04, "mae"), show(-1e-9, "auc")]
    assert printed == ["0.827", "–", "−5.1%", "296.0", "0.000"]
    assert show(-0.02, "lift_at_10") == "−0.02"


def test_the_limits_say_how_orders_are_counted():
    assert "Orders of one moment count once" in about_limits({"method": "additive_trees"})[-1]


def test_of_nothing_nobody_holds_a_share():
    judged = Judged("spend", np.array([0.0, -3.0, 0.0]), {OURS: np.array([3.0, 2.0, 1.0])}, {})
    assert about_lift({"target": "spend"}, judged) == [
        "The customers hold nothing of the spend: there was none in the horizon."
    ]


def test_own_money_is_told_where_no_curve_shows_it():
    own = OwnMoney(12_345.0, np.array([0.3, 0.9]), np.array([0.1, 1.0]), 0.1)
    (told,) = about_own_money(own, "GBP")
    assert "over 123.45 GBP" in told
    assert "of 0.30 after one order and of 0.90 after 2 and more" in told
    assert "down to × 0.10" in told
    assert about_own_money(None, "GBP") == []
    assert "Average order," in about_undrawn([], None)[0]
    assert "Average order," not in about_undrawn([], own)[0]
