"""The step tables are the estimators, and the estimators learn what they should."""

from dataclasses import replace

import numpy as np
import pytest

from app.lifecycle.targets import Link, sigmoid
from ml.learning.additive import Recipe, fit_additive
from ml.learning.distilling import teach
from ml.learning.line import Line

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
    model = fit_additive(features, churned, EITHER_WAY, customers, np.repeat([10, 20, 30], ROWS // 3))
    return model, features, churned


def chances(*directions, line_on=()):
    return Recipe(Link.LOG_ODDS, np.array(directions), line_on)


def amounts(*directions, line_on=()):
    return Recipe(Link.LOG, np.array(directions), line_on)


EITHER_WAY = chances(0, 0, 0, 0, 0, 0)


def test_tables_equal_the_estimators_on_training_rows(trained):
    model, features, _ = trained
    assert model.score(features) == pytest.approx(model.estimate(features), rel=0, abs=1e-12)


def test_tables_equal_the_estimators_on_rows_never_seen(trained):
    model, features, _ = trained
    rng = np.random.default_rng(2)
    unseen = rng.normal(scale=1e3, size=(3000, features.shape[1])) * rng.lognormal(0, 3, features.shape[1])
    unseen[rng.random(unseen.shape) < 0.2] = np.nan
    on_edges = rng.permuted(np.resize(np.concatenate(model.edges), (500, features.shape[1])), axis=0)
    for rows in (unseen, on_edges, features[::-1, ::-1]):
        assert model.score(rows) == pytest.approx(model.estimate(rows), rel=0, abs=1e-12)


def test_terms_are_differences_to_the_average_customer(trained):
    model, features, _ = trained
    assert model.tables.terms(features).mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)
    assert model.tables.intercept == pytest.approx(model.estimate(features).mean())


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
    assert churned[model.score(features) > 1].mean() > 0.7


def test_the_same_data_give_the_same_model(trained):
    model, features, churned = trained
    customers = np.arange(ROWS).astype(str).astype(object)
    again = fit_additive(features, churned, EITHER_WAY, customers, np.repeat([10, 20, 30], ROWS // 3))
    assert again.tables.intercept == model.tables.intercept
    for ours, theirs in zip(again.tables.steps, model.tables.steps, strict=True):
        assert np.array_equal(ours, theirs)


def test_what_a_period_did_is_put_on_the_period_not_on_a_feature_that_grows_with_it():
    """Age tells the period; the outcome depends on the period alone."""
    rng = np.random.default_rng(3)
    periods = np.repeat([0, 1, 2, 3], 600)
    age = periods * 30 + rng.uniform(0, 120, 2400)
    churned = rng.random(2400) < np.array([0.2, 0.35, 0.65, 0.8])[periods]
    with_periods = fit_additive(age[:, None], churned, chances(0), None, periods).tables
    without = fit_additive(age[:, None], churned, chances(0)).tables
    spread = [float(np.ptp(tables.steps[0][1:])) for tables in (with_periods, without)]
    assert spread[0] < spread[1] / 2
    assert sigmoid(np.array(with_periods.intercept)) == pytest.approx(0.8, abs=0.1)


def test_the_line_is_a_line_in_log_odds_and_has_half_a_say():
    """A chance that is right, seen through a glass: the truth is twice its log-odds."""
    rng = np.random.default_rng(6)
    chance = rng.beta(1, 1, 6000)
    log_odds = np.log(chance / (1 - chance))
    churned = rng.random(6000) < sigmoid(2 * log_odds)
    columns = np.column_stack([rng.normal(size=6000), chance])
    model = fit_additive(columns, churned, chances(0, 0, line_on=(1,)))
    assert model.score(columns) == pytest.approx(model.estimate(columns), rel=0, abs=1e-12)
    terms = model.tables.terms(columns)[:, 1]
    assert np.corrcoef(terms, log_odds)[0, 1] > 0.98
    middle = np.abs(log_odds) < 2
    assert np.polyfit(log_odds[middle], terms[middle], 1)[0] == pytest.approx(1, abs=0.15)
    assert fit_additive(columns * [1, 0], churned, chances(0, 0, line_on=(1,))).line is None


def test_a_direction_is_kept_whatever_the_data_say():
    rng = np.random.default_rng(5)
    silence = rng.normal(size=(1500, 1))
    churned = rng.random(1500) < sigmoid(np.sin(3 * silence[:, 0]))
    for way in (1, -1):
        steps = fit_additive(silence, churned, chances(way)).tables.steps[0]
        assert (way * np.diff(steps[1:]) >= 0).all()
        assert steps[1:].any()


def test_means_are_learnt_in_the_logarithm_whatever_the_unit():
    """Counts of a known mean, and the same a million times as large."""
    rng = np.random.default_rng(8)
    columns = np.column_stack([rng.normal(size=6000), rng.random(6000)])
    counts = rng.poisson(np.exp(np.sin(2 * columns[:, 0]) - columns[:, 1])).astype(float)
    model, large = (fit_additive(columns, counts * unit, amounts(0, 0)) for unit in (1, 1e6))
    assert model.score(columns) == pytest.approx(model.estimate(columns), rel=0, abs=1e-12)
    assert large.score(columns) - model.score(columns) == pytest.approx(np.full(6000, np.log(1e6)), abs=1e-9)
    assert model.expect(columns).mean() == pytest.approx(counts.mean(), rel=0.02)
    assert model.expect(columns, 0.5) == pytest.approx(model.expect(columns) * np.exp(0.5))
    terms = model.tables.terms(columns)
    assert np.corrcoef(terms[:, 0], np.sin(2 * columns[:, 0]))[0, 1] > 0.95
    assert np.polyfit(columns[:, 1], terms[:, 1], 1)[0] == pytest.approx(-1, abs=0.3)


def test_a_line_through_two_amounts_tells_the_best_customers_apart():
    """Spend is pace × amount; a bin of the best customer in a hundred would make all of them alike."""
    rng = np.random.default_rng(9)
    pace, amount = rng.lognormal(0, 1.5, 8000), rng.lognormal(5, 1, 8000)
    columns = np.column_stack([rng.normal(size=8000), pace, np.where(rng.random(8000) < 0.1, np.nan, amount)])
    spend = pace * amount * rng.gamma(2, 0.5, 8000)
    model = fit_additive(columns, spend, amounts(0, 1, 1, line_on=(1, 2)))
    assert model.score(columns) == pytest.approx(model.estimate(columns), rel=0, abs=1e-12)
    assert isinstance(model.line, Line)
    assert model.line.slopes == pytest.approx([1, 1], abs=0.1)
    best = (pace > np.quantile(pace, 0.99)) & ~np.isnan(columns[:, 2])
    assert len(np.unique(model.tables.terms(columns)[best, 1])) > 20


def test_one_huge_order_does_not_bend_the_trees():
    """One amount twenty thousand times the usual, at one end of a feature that tells nothing."""
    rng = np.random.default_rng(10)
    columns = np.column_stack([rng.normal(size=4000), rng.lognormal(0, 0.5, 4000)])
    spend = columns[:, 1] * rng.gamma(2, 0.5, 4000)
    spend[columns[:, 0].argmax()] = 2e4
    plain, held = amounts(0, 1, line_on=(1,)), Recipe(Link.LOG, np.array([0, 1]), (1,), ceiling=10.0)
    bent, straight = (fit_additive(columns, spend, recipe).tables.steps[0][1:] for recipe in (plain, held))
    assert np.ptp(bent) > 3 * np.ptp(straight)


def taught_amounts(share, line_on=(1,)):
    """A model of what the second column tells, its recipe, and what a classic says, of the first alone."""
    rng = np.random.default_rng(11)
    columns = np.column_stack([rng.normal(size=3000), rng.lognormal(0, 1, 3000)])
    recipe = replace(amounts(0, 1, line_on=line_on), classic_share=share)
    model = fit_additive(columns, 700 * columns[:, 1] * rng.gamma(2, 0.5, 3000), recipe)
    said = np.log(700) + 2 * np.tanh(columns[:, 0])
    return model, recipe, columns, said


def test_a_classic_takes_its_share_of_the_half_of_the_line():
    """The classic says 2·tanh of a column that trees and line find nothing in: a quarter of it, or a half."""
    for share in (0.5, 1.0):
        model, recipe, columns, said = taught_amounts(share)
        taught = teach(model, said[:1500], columns[:1500], recipe, columns)
        assert taught.score(columns) == pytest.approx(taught.estimate(columns), rel=0, abs=1e-12)
        added = taught.tables.terms(columns)[:, 0] - model.tables.terms(columns)[:, 0]
        assert np.polyfit(np.tanh(columns[:, 0]), added, 1)[0] == pytest.approx(share, abs=0.05)
        assert taught.tables.terms(columns).mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
        trees_and_line = model.tables.terms(columns)[:, 1]
        steeper = np.polyfit(trees_and_line, taught.tables.terms(columns)[:, 1], 1)[0]
        assert steeper == pytest.approx(1 - share, abs=0.05)  # the line alone told of the second column


def test_a_classic_without_a_share_or_a_line():
    model, recipe, columns, said = taught_amounts(0.0)
    assert teach(model, said, columns, recipe, columns) is model
    model, recipe, columns, said = taught_amounts(0.5, line_on=())
    taught = teach(model, said, columns, recipe, columns)
    assert taught.score(columns) == pytest.approx(taught.estimate(columns), rel=0, abs=1e-12)
    added = taught.tables.terms(columns)[:, 0]
    assert np.polyfit(np.tanh(columns[:, 0]), added, 1)[0] == pytest.approx(1, abs=0.05)


def test_what_is_spread_tells_the_best_customers_apart():
    rng = np.random.default_rng(12)
    columns = np.column_stack([rng.lognormal(3, 2, 3000), rng.lognormal(3, 2, 3000)])
    recipe = replace(amounts(0, 0), spread_on=(1,))
    edges = fit_additive(columns, columns[:, 1], recipe).edges
    plain, spread = (int((edge > np.quantile(columns[:, 0], 0.99)).sum()) for edge in edges)
    assert spread > 10 * max(plain, 1)
