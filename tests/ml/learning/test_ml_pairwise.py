"""Trees of two signals each, and the tables that are equal to them."""

import numpy as np
import pytest

from ml.learning.pairwise import fit_pairwise

ROWS = 6000


@pytest.fixture(scope="module")
def case():
    """Signals 0 and 1 matter together alone, 2 by itself, 3 is sometimes unknown, 4 and 5 say nothing."""
    draw = np.random.default_rng(5)
    signals = draw.normal(size=(6, ROWS))
    signals[3, draw.random(ROWS) < 0.3] = np.nan
    signals[4] = draw.integers(3, size=ROWS)
    link = 3.0 * (signals[0] > 0) * (signals[1] > 0) + signals[2] + np.where(np.isnan(signals[3]), 1.0, 0.0)
    bought = draw.random(ROWS) < 1 / (1 + np.exp(-link))
    return signals, bought, fit_pairwise(signals, bought, pairs=3)


def test_the_tables_are_the_trees_everywhere(case):
    """On what was learned from, on what was not, on edges themselves, beside them, and on the unknown."""
    signals, _, model = case
    draw = np.random.default_rng(6)
    strange = draw.normal(scale=4, size=signals.shape)
    strange[draw.random(strange.shape) < 0.2] = np.nan
    edges = np.stack([draw.choice(each, 4000) for each in model.tables.edges])
    for probe in (signals, strange, edges, np.nextafter(edges, -np.inf), np.full((6, 1), np.nan)):
        np.testing.assert_allclose(model.tables.score(probe), model.estimate(probe), atol=1e-9, rtol=0)


def test_the_pair_that_matters_is_found(case):
    _, _, model = case
    assert [0, 1] in model.tables.pairs.tolist()
    assert len(model.tables.pairs) == 3


def test_a_pair_says_nothing_that_its_signals_say_alone(case):
    signals, _, model = case
    terms = model.tables.terms(model.tables.codes(signals))
    codes = model.tables.codes(signals)
    assert np.abs(terms[:6].mean(axis=1)).max() < 1e-9
    pair = terms[6 + model.tables.pairs.tolist().index([0, 1])]
    for signal in (0, 1):
        means = np.bincount(codes[signal], weights=pair) / np.maximum(np.bincount(codes[signal]), 1)
        assert np.abs(means).max() < 0.1 < np.abs(pair).mean()


def test_the_same_rows_teach_the_same(case):
    signals, bought, model = case
    again = fit_pairwise(signals, bought, pairs=3)
    np.testing.assert_array_equal(again.tables.two, model.tables.two)
