"""Step tables: one row like many, exact on an edge, and refused when they do not fit."""

import io
from math import exp, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.scorer import StepTables, logistic, pack, sigmoid, strongest, unpack

TABLES = StepTables(
    -0.25,
    (np.array([1.0, 2.0]), np.empty(0), np.array([0.0])),
    (np.array([9.0, 0.1, 0.2, 0.3]), np.zeros(2), np.array([-1.0, -2.0, 2.0])),
)
"""Steps are of: unknown, below the first edge, from each edge on."""

BY_HAND = {
    "below every edge": ((0.5, 7.0, -3.0), (0.1, 0.0, -2.0)),
    "exactly on the edges": ((1.0, 7.0, 0.0), (0.2, 0.0, 2.0)),
    "minus zero is zero": ((2.0, 7.0, -0.0), (0.3, 0.0, 2.0)),
    "a hair below an edge": ((np.nextafter(2.0, 0), 0.0, -5e-324), (0.2, 0.0, -2.0)),
    "unknown": ((nan, nan, nan), (9.0, 0.0, -1.0)),
    "without end": ((inf, -inf, -inf), (0.3, 0.0, -2.0)),
}


@pytest.mark.parametrize(("row", "terms"), BY_HAND.values(), ids=BY_HAND)
def test_terms_by_hand(row, terms):
    assert tuple(TABLES.terms_of_one(row)) == terms
    assert tuple(TABLES.terms(np.array([row]))[0]) == terms


VALUES = st.floats(-1e6, 1e6)


@st.composite
def tables_and_rows(draw):
    """Tables of a few features, and rows that fall beside, between and exactly on their edges."""
    edges = draw(st.lists(st.lists(VALUES, max_size=6, unique=True).map(sorted), min_size=1, max_size=5))
    steps = [draw(st.lists(VALUES, min_size=len(each) + 2, max_size=len(each) + 2)) for each in edges]
    cell = [st.sampled_from([*each, nan, inf, -inf]) | VALUES for each in edges]
    rows = draw(st.lists(st.tuples(*cell), min_size=1, max_size=8))
    tables = StepTables(draw(VALUES), tuple(map(np.array, edges)), tuple(map(np.array, steps)))
    return tables, np.array(rows, np.float64)


@given(tables_and_rows())
def test_one_row_has_the_terms_it_has_among_many(drawn):
    tables, rows = drawn
    assert [tables.terms_of_one(row) for row in rows.tolist()] == tables.terms(rows).tolist()


@given(tables_and_rows())
def test_packed_tables_come_back_through_a_file(drawn):
    tables, rows = drawn
    file = io.BytesIO()
    np.savez(file, **pack(tables))
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        back = unpack(arrays, len(tables.edges))
    assert back.intercept == tables.intercept
    assert [each.tolist() for each in back.edges] == [each.tolist() for each in tables.edges]
    assert [each.tolist() for each in back.steps] == [each.tolist() for each in tables.steps]
    np.testing.assert_array_equal(back.terms(rows), tables.terms(rows))


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        TABLES.terms_of_one([1.0, 2.0])


MISFITS = {
    "features of another number": {"features": 4},
    "an edge too few": {"edges": np.array([1.0, 2.0])},
    "a step too many": {"steps": np.zeros(10)},
    "a step that is no number": {"steps": np.array([9, 0.1, nan, 0.3, 0, 0, -1, -2, 2])},
    "an infinite step": {"steps": np.array([9, 0.1, inf, 0.3, 0, 0, -1, -2, 2])},
    "a count below none": {"edge_counts": np.array([4, -1, 0])},
    "an edge that is no number": {"edges": np.array([1.0, nan, 0.0])},
    "edges that do not ascend": {"edges": np.array([2.0, 1.0, 0.0])},
    "an edge twice": {"edges": np.array([1.0, 1.0, 0.0])},
    "no intercept": {"intercept": np.empty(0)},
    "an intercept that is no number": {"intercept": np.array([nan])},
}


@pytest.mark.parametrize("changes", MISFITS.values(), ids=MISFITS)
def test_arrays_that_do_not_fit_are_refused(changes):
    features = changes.get("features", 3)
    with pytest.raises(ValueError, match="step tables"):
        unpack({**pack(TABLES), **changes}, features)


@pytest.mark.parametrize("name", pack(TABLES))
def test_a_missing_array_is_refused(name):
    arrays = pack(TABLES)
    del arrays[name]
    with pytest.raises(KeyError, match=name):
        unpack(arrays, 3)


@pytest.mark.parametrize("log_odds", [-20.0, -3.0, -0.1, 0.0, 0.7, 5.0, 20.0])
def test_log_odds_become_probabilities(log_odds):
    assert logistic(log_odds) == pytest.approx(1 / (1 + exp(-log_odds)), rel=1e-6)
    assert sigmoid(np.array([log_odds]))[0] == pytest.approx(logistic(log_odds), rel=1e-12)


@pytest.mark.parametrize(("log_odds", "probability"), [(-1e6, 0.0), (1e6, 1.0), (-inf, 0.0), (inf, 1.0)])
def test_extreme_log_odds_neither_overflow_nor_leave_the_unit_interval(log_odds, probability):
    with np.errstate(all="raise"):
        assert logistic(log_odds) == probability
        assert sigmoid(np.array([log_odds]))[0] == probability


@given(st.floats(-800, 800), st.floats(-800, 800))
def test_more_log_odds_are_never_less_probable(one, other):
    low, high = sorted((one, other))
    assert 0 <= logistic(low) <= logistic(high) <= 1


def test_reasons_are_the_strongest_terms_either_way():
    assert strongest([0.1, -0.9, 0.0, 0.5], 2) == [1, 3]
    assert strongest([0.1, -0.9, 0.0, 0.5], 9) == [1, 3, 0]
    assert strongest([0.0, 0.0], 5) == []


def test_equal_terms_keep_the_order_of_their_features():
    assert strongest([0.2, -0.5, 0.5, -0.2], 4) == [1, 2, 0, 3]
