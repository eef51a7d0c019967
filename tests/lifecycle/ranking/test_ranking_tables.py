"""One- and two-way tables, by hand."""

import numpy as np
import pytest

from app.lifecycle.ranking.tables import PairTables, unpack_tables

NAN = np.nan


def make_tables():
    """Two signals of two edges and one: what the first says, what the second, and what both together."""
    one = np.array([[5.0, 0.0, 1.0, 2.0], [7.0, 0.0, 10.0, 0.0]])
    two = np.zeros((1, 4, 4))
    two[0, 3, 2] = 100.0  # the first beyond its last edge, and the second beyond its only one
    return PairTables(0.5, (np.array([1.0, 2.0]), np.array([3.0])), one, np.array([[0, 1]]), two)


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [
        (0.9, 2.9, 0.5),
        (1.0, 2.9, 1.5),
        (1.0, 3.0, 11.5),
        (2.0, 3.0, 112.5),
        (2.0, 2.9, 2.5),
        (NAN, 3.0, 15.5),
        (NAN, NAN, 12.5),
    ],
)
def test_a_score_is_looked_up(first, second, score):
    tables = make_tables()
    assert tables.score(np.array([[first], [second]])).tolist() == [score]


def test_terms_add_up_to_the_score():
    tables = make_tables()
    signals = np.array([[0.0, 1.5, 9.0, NAN], [9.0, 0.0, 3.0, NAN]])
    terms = tables.terms(tables.codes(signals))
    assert terms[:, 2].tolist() == [2.0, 10.0, 100.0]
    np.testing.assert_allclose(tables.intercept + terms.sum(axis=0), tables.score(signals))


def test_some_signals_have_bins_of_their_own():
    tables = make_tables()
    assert tables.codes(np.array([[3.0, NAN]]), first=1).tolist() == [[2, 0]]


def test_tables_are_packed_and_unpacked():
    tables = make_tables()
    again = unpack_tables(tables.pack(), 2)
    signals = np.random.default_rng(0).normal(2, 2, size=(2, 100))
    np.testing.assert_array_equal(again.score(signals), tables.score(signals))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edge_counts", np.array([2, 2])),
        ("edge_counts", np.array([3, 0])),
        ("edges", np.array([2.0, 1.0, 3.0])),
        ("one", np.zeros((2, 3))),
        ("one", np.full((2, 4), NAN)),
        ("pairs", np.array([[0, 2]])),
        ("pairs", np.array([[1, 1]])),
        ("pairs", np.array([[0, -1]])),
        ("two", np.zeros((1, 4, 3))),
        ("intercept", np.array([1.0, 2.0])),
    ],
)
def test_what_does_not_fit_is_refused(name, value):
    with pytest.raises(ValueError, match="tables"):
        unpack_tables(make_tables().pack() | {name: value}, 2)


def test_tables_of_other_signals_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        unpack_tables(make_tables().pack(), 3)
