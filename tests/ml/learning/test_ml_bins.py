"""Bins part the known values, keep the unknown apart and lose nobody who is rare."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.learning.bins import MAX_BINS, bin_codes, bin_edges, places, position


@given(
    arrays(
        np.float64,
        st.integers(0, 60),
        elements=st.one_of(st.floats(-1e9, 1e9), st.integers(-3, 3).map(float), st.just(np.nan)),
    )
)
def test_edges_ascend_and_part_the_known_values(column):
    edges = bin_edges(column, 8)
    known = column[~np.isnan(column)]
    assert len(edges) <= 7
    assert (np.diff(edges) > 0).all()
    assert (len(edges) > 0) == (len(np.unique(known)) > 1)
    if len(edges):
        assert known.min() < edges[0]
        assert edges[-1] <= known.max()
        codes = bin_codes(column[:, None], (edges,))
        assert np.array_equal(np.isnan(codes[:, 0]), np.isnan(column))
        assert set(codes[~np.isnan(codes)]) <= set(range(len(edges) + 1))


def test_a_long_column_has_bins_of_equal_mass():
    column = np.random.default_rng(4).lognormal(size=100_000)
    edges = bin_edges(column)
    counts = np.bincount(np.searchsorted(edges, column, side="right"))
    assert len(counts) == MAX_BINS
    assert counts.max() < 1.02 * counts.min()


def test_rare_values_have_bins():
    """One customer in a thousand complained; one in a thousand has some discount, none twice the same."""
    rng = np.random.default_rng(7)
    rare = rng.random(20_000) < 0.001
    assert bin_edges(rare.astype(float)).tolist() == [1.0]
    edges = bin_edges(np.where(rare, rng.random(20_000), 0.0), 8)
    assert len(edges) > 0
    assert edges[0] > 0


def test_features_without_a_say_have_no_column_and_the_unknown_the_first_place():
    edges = (np.array([1.0]), np.empty(0), np.array([2.0, 3.0]))
    codes = bin_codes(np.array([[0.5, 7.0, 3.0], [1.0, 7.0, np.nan]]), edges)
    assert codes.shape == (2, 2)
    assert position(2, edges) == 1
    assert places(codes[:, 0]).tolist() == [1, 2]
    assert places(codes[:, 1]).tolist() == [3, 0]
