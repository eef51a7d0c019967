"""Numbers cut to 16 bits, and the bins they fall in."""

import numpy as np
import pytest

from app.lifecycle.ranking.tables import PairTables, count_cut, cut


def test_what_cut_leaves():
    told = np.array([0.0, 1.0, 200.0, 256.0, 0.5, 1.003, 1.0078, 257.0, 300.7, -1.003, np.inf])
    assert cut(told).tolist() == [0.0, 1.0, 200.0, 256.0, 0.5, 1.0, 1.0, 256.0, 300.0, -1.0, np.inf]
    assert np.isnan(cut(np.array([np.nan]))).all()


def test_cut_leaves_what_was_cut_and_the_order():
    told = np.sort(np.random.default_rng(1).normal(size=5000) * 10.0 ** np.arange(-4, 1).repeat(1000))
    left = cut(told)
    assert (np.diff(left) >= 0).all()
    assert (np.abs(left - told) <= np.abs(told) / 127).all()
    assert cut(left).tolist() == left.tolist()


def test_values_are_counted():
    values, counts = count_cut(np.array([1.001, np.nan, 0.0, -0.0, 1.0, -2.0, -0.5]))
    assert values.tolist() == [-2.0, -0.5, 0.0, 1.0]
    assert counts.tolist() == [1, 1, 2, 2]
    assert [part.tolist() for part in count_cut(np.array([np.nan]))] == [[], []]


@pytest.mark.parametrize("scale", [0.001, 1.0, 1000.0])
def test_bins_are_between_edges(scale):
    draw = np.random.default_rng(2)
    edges = np.unique(cut(draw.normal(size=30) * scale))
    width = len(edges) + 2
    tables = PairTables(0.0, (edges,), np.zeros((1, width)), np.empty((0, 2), np.int64), np.empty((0, width, width)))
    values = np.concatenate([draw.normal(size=1000) * scale, edges, np.nextafter(edges, np.inf), [np.nan, np.inf]])
    bins = 1 + edges.searchsorted(cut(values), side="right")
    bins[np.isnan(values)] = 0
    assert tables.codes(values[None])[0].tolist() == bins.tolist()
