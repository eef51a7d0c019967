"""The step tables are the estimators, and the estimators learn what they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.lifecycle.scorer import sigmoid
from ml.additive import MAX_BINS, bin_codes, bin_edges, fit_additive, pooled_log_odds

ROWS = 2400


def make_features(rng, rows=ROWS):
    """A number, a skewed amount, a rare count, an unknown in every third row, a constant, an unknown."""
    features = np.column_stack(
        [
            rng.normal(size=rows),
            rng.lognormal(3, 2, rows),
            rng.poisson(0.2, rows).astype(float),
            np.where(rng.random(rows) < 1 / 3, np.nan, rng.random(rows)),
            np.full(rows, 7.0),
            np.full(rows, np.nan),
        ]
    )
    log_odds = np.sin(2 * features[:, 0]) + 0.5 * np.log(features[:, 1]) - 1.5 + np.isnan(features[:, 3])
    return features, rng.random(rows) < sigmoid(log_odds)


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(1)
    features, churned = make_features(rng)
    customers = np.arange(ROWS).astype(str).astype(object)
    model = fit_additive(features, churned, customers, np.repeat([10, 20, 30], ROWS // 3), EITHER_WAY, None)
    return model, features, churned


EITHER_WAY = np.zeros(6, np.int64)


def estimated(model, features):
    """What the estimators say of features, without the tables."""
    score = pooled_log_odds(model.trees, model.line, model.edges, model.periods)
    return score(bin_codes(features, model.edges))


def test_tables_equal_the_estimators_on_training_rows(trained):
    model, features, _ = trained
    assert model.log_odds(features) == pytest.approx(estimated(model, features), rel=0, abs=1e-12)


def test_tables_equal_the_estimators_on_rows_never_seen(trained):
    model, features, _ = trained
    rng = np.random.default_rng(2)
    unseen = rng.normal(scale=1e3, size=(3000, features.shape[1])) * rng.lognormal(0, 3, features.shape[1])
    unseen[rng.random(unseen.shape) < 0.2] = np.nan
    on_edges = rng.permuted(np.resize(np.concatenate(model.edges), (500, features.shape[1])), axis=0)
    for rows in (unseen, on_edges, features[::-1, ::-1]):
        assert model.log_odds(rows) == pytest.approx(estimated(model, rows), rel=0, abs=1e-12)


def test_one_row_has_the_terms_of_many(trained):
    model, features, _ = trained
    many = model.tables.terms(features[:200])
    assert [model.tables.terms_of_one(row) for row in features[:200].tolist()] == many.tolist()


def test_terms_are_differences_to_the_average_customer(trained):
    model, features, _ = trained
    assert model.tables.terms(features).mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)
    assert model.tables.intercept == pytest.approx(estimated(model, features).mean())


def test_a_feature_that_tells_nothing_has_no_say(trained):
    model, _, _ = trained
    for silent in (4, 5):
        assert model.edges[silent].size == 0
        assert not model.tables.steps[silent].any()


def test_what_is_there_is_learnt(trained):
    """The planted effects: a wave, a rising amount, an unknown that means one unit of log-odds."""
    model, features, churned = trained
    terms = model.tables.terms(features)
    assert np.corrcoef(terms[:, 0], np.sin(2 * features[:, 0]))[0, 1] > 0.9
    assert np.corrcoef(terms[:, 1], np.log(features[:, 1]))[0, 1] > 0.9
    unknown = np.isnan(features[:, 3])
    assert 0.5 < terms[unknown, 3].mean() - terms[~unknown, 3].mean() < 1.5
    assert churned[model.log_odds(features) > 1].mean() > 0.7


def test_the_same_data_give_the_same_model(trained):
    model, features, churned = trained
    customers = np.arange(ROWS).astype(str).astype(object)
    again = fit_additive(features, churned, customers, np.repeat([10, 20, 30], ROWS // 3), EITHER_WAY, None)
    assert again.tables.intercept == model.tables.intercept
    for ours, theirs in zip(again.tables.steps, model.tables.steps, strict=True):
        assert np.array_equal(ours, theirs)


def test_what_a_period_did_is_put_on_the_period_not_on_a_feature_that_grows_with_it():
    """Age tells the period; the outcome depends on the period alone."""
    rng = np.random.default_rng(3)
    periods = np.repeat([0, 1, 2, 3], 600)
    age = periods * 30 + rng.uniform(0, 120, 2400)
    churned = rng.random(2400) < np.array([0.2, 0.35, 0.65, 0.8])[periods]
    with_periods = fit_additive(age[:, None], churned, None, periods, np.zeros(1, int), None).tables
    without = fit_additive(age[:, None], churned, directions=np.zeros(1, int), line_on=None).tables
    spread = [float(np.ptp(tables.steps[0][1:])) for tables in (with_periods, without)]
    assert spread[0] < spread[1] / 2
    assert sigmoid(with_periods.intercept) == pytest.approx(0.8, abs=0.1)


def test_the_line_is_a_line_in_log_odds_and_has_half_a_say():
    """A chance that is right, seen through a glass: the truth is twice its log-odds."""
    rng = np.random.default_rng(6)
    chance = rng.beta(1, 1, 6000)
    log_odds = np.log(chance / (1 - chance))
    churned = rng.random(6000) < sigmoid(2 * log_odds)
    columns = np.column_stack([rng.normal(size=6000), chance])
    model = fit_additive(columns, churned, directions=np.zeros(2, int), line_on=1)
    assert model.log_odds(columns) == pytest.approx(estimated(model, columns), rel=0, abs=1e-12)
    terms = model.tables.terms(columns)[:, 1]
    assert np.corrcoef(terms, log_odds)[0, 1] > 0.98
    middle = np.abs(log_odds) < 2
    assert np.polyfit(log_odds[middle], terms[middle], 1)[0] == pytest.approx(1, abs=0.15)
    assert fit_additive(columns * [1, 0], churned, directions=np.zeros(2, int), line_on=1).line is None


def test_a_direction_is_kept_whatever_the_data_say():
    rng = np.random.default_rng(5)
    silence = rng.normal(size=(1500, 1))
    churned = rng.random(1500) < sigmoid(np.sin(3 * silence[:, 0]))
    for way in (1, -1):
        steps = fit_additive(silence, churned, directions=np.array([way]), line_on=None).tables.steps[0]
        assert (way * np.diff(steps[1:]) >= 0).all()
        assert steps[1:].any()


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
