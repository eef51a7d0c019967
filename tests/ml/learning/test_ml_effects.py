"""Effects of actions: found where they are, shrunk where little is known, and as sure as they say."""

from dataclasses import replace

import numpy as np
import pytest

from app.lifecycle.learned_effects import CAUTION
from ml.data.decisions import NONE
from ml.demo.offers import COSTS, GROUPS, STAGES, OfferShop
from ml.learning.effects import Offers, cross_fit, fit_effects


def log_of(shop, rows=6000, seed=2, arms=None):
    draw = np.random.default_rng(seed)
    customers = shop.arrive(rows, draw)
    chosen = draw.integers(1 + len(GROUPS), size=rows) if arms is None else draw.choice(arms, size=rows)
    rewards = draw.random(rows) < shop.chances(customers)[np.arange(rows), chosen]
    return Offers(chosen - 1, customers.stages, customers.features, rewards.astype(np.float64), np.arange(rows))


def test_the_learned_choice_is_nearly_the_best_after_six_thousand_decisions():
    shop = OfferShop.draw(1)
    model = fit_effects(log_of(shop), GROUPS, STAGES)
    fresh = shop.arrive(20_000, np.random.default_rng(9))
    worths, values = model.worths(fresh.stages, fresh.features, COSTS, CAUTION), shop.values(fresh)
    learned, best = values[np.arange(len(values)), worths.argmax(axis=1)].mean(), values.max(axis=1).mean()
    nothing = values[:, 0].mean()
    assert learned > 0.92 * best
    assert learned - nothing > 0.75 * (best - nothing)


def test_where_nothing_moves_anybody_hardly_anything_is_lost():
    shop = OfferShop.draw(1, moved=False)
    model = fit_effects(log_of(shop), GROUPS, STAGES)
    fresh = shop.arrive(20_000, np.random.default_rng(9))
    worths, values = model.worths(fresh.stages, fresh.features, COSTS, CAUTION), shop.values(fresh)
    assert values[np.arange(len(values)), worths.argmax(axis=1)].mean() > 0.98 * values[:, 0].mean()


def test_an_action_that_was_hardly_shown_is_told_what_its_group_is():
    """Two of three offers are worth .3 more than nothing; of the third only a few decisions are known."""
    draw, groups = np.random.default_rng(4), np.array([0, 0, 0])
    actions = np.r_[draw.integers(-1, 2, 3000), np.full(6, 2)]
    rewards = 0.2 + 0.3 * (actions != NONE) + draw.normal(0, 0.4, len(actions))
    plain = np.zeros(len(actions), np.int64)
    model = fit_effects(Offers(actions, plain, np.zeros((len(actions), 1)), rewards, plain), groups, 1)
    (means,), (deviations,) = model.effects(plain[:1], np.zeros((1, 1)))
    assert means[2] == pytest.approx(0.3, abs=0.1)
    assert deviations[2] >= deviations[0]


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(8):
        shop = OfferShop.draw(seed)
        model = fit_effects(log_of(shop, rows=4000, seed=seed), GROUPS, STAGES)
        fresh = shop.arrive(300, np.random.default_rng(seed))
        means, deviations = model.effects(fresh.stages, fresh.features)
        chances = shop.chances(fresh)
        held.append(np.abs(means - (chances[:, 1:] - chances[:, [0]])) <= 1.96 * deviations)
    assert 0.85 < np.mean(held) < 0.99


def test_each_row_is_told_of_by_a_model_that_has_seen_nothing_of_the_person():
    """Of 100 persons, five decisions each, the reward of one is another."""
    offers = replace(log_of(OfferShop.draw(1), rows=500), persons=np.arange(500) % 100)
    told = cross_fit(offers, GROUPS, STAGES).rewards
    turned = replace(offers, rewards=np.where(np.arange(500) == 7, 50.0, offers.rewards))
    again = cross_fit(turned, GROUPS, STAGES).rewards
    assert told.shape == (500, 1 + len(GROUPS))
    np.testing.assert_array_equal(told[7::100], again[7::100])
    assert not np.array_equal(told, again)


def test_what_is_not_taught_changes_nothing_that_is_told():
    offers = log_of(OfferShop.draw(1), rows=500)
    taught = np.arange(500) % 3 > 0
    turned = replace(offers, rewards=np.where(taught, offers.rewards, 50.0))
    told, again = (cross_fit(each, GROUPS, STAGES, taught) for each in (offers, turned))
    assert told.deviations.shape == (500, len(GROUPS))
    assert (told.deviations > 0).all()
    for one, other in zip(told, again, strict=True):
        np.testing.assert_array_equal(one, other)
