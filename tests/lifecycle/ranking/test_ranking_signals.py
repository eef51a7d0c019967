"""Signals of one customer and of many are the same; and what is looked at is bounded."""

import numpy as np
import pytest

from app.lifecycle.ranking.candidates import MOST_OWN, find_candidates
from app.lifecycle.ranking.facts import Facts, Neighbours
from app.lifecycle.ranking.owned import Buyers, Owned
from app.lifecycle.ranking.signals import ITEM, SIGNALS, make_pairs, pair_signals

WIDTH = 300


@pytest.fixture(scope="module")
def facts():
    draw = np.random.default_rng(1)

    def neighbours():
        return Neighbours(
            draw.integers(WIDTH, size=(WIDTH, 20)).astype(np.int32),
            -np.sort(-draw.random((WIDTH, 20)), axis=1).astype(np.float32),
        )

    popular = draw.choice(WIDTH, 30, replace=False)
    factors = draw.normal(size=(WIDTH, 8)).astype(np.float32)
    signals = draw.random((len(ITEM), WIDTH))
    return Facts(signals, neighbours(), neighbours(), factors, popular, 1 + 30 * signals[-1])


def make_history(sizes, seed=2):
    draw = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    items = [np.sort(draw.choice(WIDTH, size, replace=False)) for size in sizes]
    count = int(starts[-1])
    orders = draw.integers(1, 5, count).astype(float)
    last = draw.integers(1, 50, count).astype(float)
    first = np.where(orders > 1, last + 30, last)
    second = np.where(orders > 1, last + 9, np.nan)
    owned = Owned(starts, np.concatenate(items), orders, first, last, second, draw.random(count), draw.random(count))
    rows = np.repeat(np.arange(len(sizes)), sizes)
    latest, earliest = np.full(len(sizes), np.inf), np.zeros(len(sizes))
    np.minimum.at(latest, rows, last)
    np.maximum.at(earliest, rows, first)
    return owned, Buyers(np.full(len(sizes), 9.0), earliest, latest, np.ones(len(sizes)), np.ones(len(sizes)) * 2)


def signals_of(owned, buyers, facts, rows, items):
    return pair_signals(make_pairs(owned, rows, items, WIDTH), owned, buyers, facts)


def test_one_customer_is_as_many(facts):
    """Those without a history among them, first, between and last."""
    sizes = np.array([0, 3, 40, 0, 0, 7, 0])
    owned, buyers = make_history(sizes)
    found = [find_candidates(owned, row, facts) for row in range(len(sizes))]
    rows = np.repeat(np.arange(len(sizes)), [len(each) for each in found])
    together = signals_of(owned, buyers, facts, rows, np.concatenate(found))
    assert together.shape == (len(SIGNALS), len(rows))
    for customer, items in enumerate(found):
        only = np.array([customer])
        one, buyer = owned.of_customers(only), buyers.of_customers(only)
        alone = signals_of(one, buyer, facts, np.zeros(len(items), np.int64), items)
        np.testing.assert_allclose(alone, together[:, rows == customer], rtol=1e-12)
        assert find_candidates(one, 0, facts).tolist() == items.tolist()


def test_the_order_of_customers_does_not_matter(facts):
    owned, buyers = make_history(np.array([5, 9]))
    items = np.arange(20)
    turned = np.array([1, 0])
    mine = signals_of(owned, buyers, facts, np.zeros(20, np.int64), items)
    theirs = signals_of(owned.of_customers(turned), buyers.of_customers(turned), facts, np.ones(20, np.int64), items)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_who_has_no_history_is_shown_what_sells(facts):
    owned, _ = make_history(np.array([0]))
    assert find_candidates(owned, 0, facts).tolist() == sorted(facts.popular.tolist())


def test_candidates_hold_own_items_and_their_nearest(facts):
    owned, _ = make_history(np.array([3]))
    found = find_candidates(owned, 0, facts)
    assert set(owned.items) <= set(found)
    assert set(facts.basket.items[owned.items, :16].ravel()) <= set(found)
    assert (np.diff(found) > 0).all()


def test_what_is_looked_at_is_bounded(facts):
    owned, _ = make_history(np.array([WIDTH]))
    weakest = owned.items[np.argsort(-owned.decayed_120d)[MOST_OWN:]]
    found = find_candidates(owned, 0, facts)
    assert len(found) <= MOST_OWN + len(facts.popular) + 2 * 100
    assert not set(weakest) <= set(found)
