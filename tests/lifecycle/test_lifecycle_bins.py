"""A guide says what bisection says."""

from math import inf, nan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.bins import Guide, make_guide, ranks
from app.lifecycle.scorer import Scorecard

TINY = 5e-324
numbers = st.sampled_from((0.0, -0.0, 1.0, -1.0, TINY, -TINY, 1e308, -1e308, inf, -inf)) | st.floats(allow_nan=False)


@given(st.lists(numbers, min_size=2, max_size=30))
def test_ranks_are_in_the_order_of_the_numbers(drawn):
    values = np.array(drawn)
    np.testing.assert_array_equal(ranks(values)[:-1] < ranks(values)[1:], values[:-1] < values[1:])
    np.testing.assert_array_equal(ranks(values)[:-1] == ranks(values)[1:], values[:-1] == values[1:])


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40), st.lists(numbers))
def test_a_guide_says_what_bisection_says(drawn, others):
    edges = np.unique(np.array(drawn) + 0.0)
    guide = make_guide(edges)
    if guide is not None:
        values = np.concatenate([edges, np.nextafter(edges, -inf), np.nextafter(edges, inf), others])
        expected = np.searchsorted(edges, values, side="right")
        np.testing.assert_array_equal(guide.reached(values, ranks(values)), expected)


def test_edges_that_are_evenly_spread_have_a_guide_and_edges_in_a_heap_have_none():
    assert make_guide(np.empty(0)) is None
    assert make_guide(np.array([1.0, 5.0, 2.0, 6.0])) is None
    assert make_guide(np.array([3.0, 1.0])) is None
    assert make_guide(np.array([-1.0, *np.linspace(1.0, 1.0 + 1e-9, 20), 1e9])) is None
    for edges in (np.linspace(1, 3000, 200), np.geomspace(1e-3, 1e9, 200), np.array([0.5]), np.arange(-3.0, 4.0)):
        assert isinstance(make_guide(edges), Guide)


def test_many_rows_are_scored_as_few_are():
    """Above and below the number from which there are guides; unknown and unbounded values among them."""
    rng = np.random.default_rng(9)
    edges = (
        np.linspace(1, 90, 60),
        np.empty(0),
        np.array([-1.0, *np.linspace(1, 1 + 1e-9, 20)]),
        np.geomspace(1, 1e6, 90),
    )
    steps = tuple(rng.normal(size=(len(each) + 2, 3)) for each in edges)
    card = Scorecard(edges, (0.1, 0.2, 0.3), steps, np.array([0]), np.zeros((1, 3)))
    rows = rng.choice([0.0, 1.0, 1.0 + 5e-10, 1e3, nan, inf, -inf], (1000, 4))
    rows[::2] = rng.lognormal(3, 3, (500, 4))
    singly = np.array([card.forecast_one(row, 0.0)[:3] for row in rows.tolist()])
    np.testing.assert_array_equal(np.column_stack(card.forecast(rows, 0.0)), singly)
    np.testing.assert_array_equal(card.links(rows, 0.0), np.concatenate([card.links(row[None], 0.0) for row in rows]))
