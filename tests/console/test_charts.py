"""Where the marks of charts stand."""

from math import log

import pytest

from app.console.charts import draw_bars, draw_flows, draw_line, draw_waterfall

REASONS = [{"text": "a", "effect": 2.0}, {"text": "b", "effect": -3.0}]


def test_a_waterfall_goes_from_the_average_to_the_sum():
    chart = draw_waterfall(REASONS, {"scale": "log_odds", "base": 0.0, "remainder": 0.5, "sum": -0.5})
    assert [(step.kind, step.left, step.width) for step in chart.steps] == [
        ("up", pytest.approx(100 / 3), pytest.approx(200 / 3)),
        ("down", 0.0, 100.0),
        ("up", 0.0, pytest.approx(50 / 3)),
    ]
    assert chart.base == 0.5
    assert chart.total == pytest.approx(0.3775, abs=1e-4)
    assert chart.steps[-1].reason is None


def test_of_an_amount_it_is_read_as_one():
    chart = draw_waterfall([], {"scale": "log", "base": log(10), "remainder": 0.0, "sum": log(10)})
    assert [chart.base, chart.total] == pytest.approx([10, 10])
    assert [step.width for step in chart.steps] == [0.0]


def test_bars_are_parts_of_the_longest():
    assert draw_bars([1, 4, 0]) == [25.0, 100.0, 0.0]
    assert draw_bars([0, 0]) == [0.0, 0.0]
    assert draw_bars([]) == []


def test_flows_leave_and_reach_their_stages_without_gaps():
    flows = [
        {"from": "new", "to": "growing", "customers": 3},
        {"from": "new", "to": "new", "customers": 1},
        {"from": "none", "to": "new", "customers": 4},
    ]
    chart = draw_flows(flows, ("none", "new", "growing"))
    assert [(node.stage, node.customers) for node in chart.before] == [("none", 4), ("new", 4)]
    assert [(node.stage, node.customers) for node in chart.after] == [("new", 5), ("growing", 3)]
    assert [(each.source, each.target, each.stays) for each in chart.ribbons] == [
        ("none", "new", False),
        ("new", "new", True),
        ("new", "growing", False),
    ]
    first, second = chart.before
    assert second.top == pytest.approx(first.top + first.height + 10)
    assert chart.ribbons[2].path.startswith(f"M0 {second.top + second.height / 4:.2f}C")


def test_without_flows_there_is_nothing_to_draw():
    assert draw_flows([], ("new",)).height == 0.0


def test_lines_are_drawn_against_zero_and_broken_where_nothing_is_known():
    chart = draw_line([[2.0, None, 4.0, 1.0], [None, None, None, None]])
    assert (chart.low, chart.high) == (0.0, 4.0)
    assert chart.paths == ["M0.00 50.00h.01M66.67 0.00h.01L100.00 75.00", ""]
    assert draw_line([[-1.0, 1.0]]).paths == ["M0.00 100.00h.01L100.00 0.00"]
    assert draw_line([[3.0]]).paths == ["M0.00 0.00h.01"]
    assert draw_line([[], []]).paths == ["", ""]
