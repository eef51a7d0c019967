"""Signals of one customer and of many are the same; and what is looked at is bounded."""

import numpy as np
import pytest

from app.lifecycle.ranking.candidates import MOST_OWN, find_candidates
from app.lifecycle.ranking.signals import SIGNALS, buyer_signals, make_pairs, pair_signals
from tests.lifecycle.ranking.item_rankers import draw_facts, draw_history

WIDTH = 300
_RISING = SIGNALS.index("near_rising")


@pytest.fixture(scope="module")
def facts():
    return draw_facts(WIDTH)


def signals_of(owned, buyers, facts, rows, items):
    pairs = make_pairs(owned, rows, items, WIDTH)
    return pair_signals(pairs, owned, buyer_signals(owned, buyers), buyers, facts)


def test_one_customer_is_as_many(facts):
    """Those without a history among them, first, between and last."""
    sizes = np.array([0, 3, 40, 0, 0, 7, 0])
    owned, buyers = draw_history(sizes)
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
    owned, buyers = draw_history(np.array([5, 9]))
    items = np.arange(20)
    turned = np.array([1, 0])
    mine = signals_of(owned, buyers, facts, np.zeros(20, np.int64), items)
    theirs = signals_of(owned.of_customers(turned), buyers.of_customers(turned), facts, np.ones(20, np.int64), items)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_who_has_no_history_is_shown_what_sells(facts):
    owned, _ = draw_history(np.array([0]))
    assert find_candidates(owned, 0, facts).tolist() == sorted(facts.popular.tolist())


def test_candidates_hold_own_items_and_their_nearest(facts):
    owned, _ = draw_history(np.array([3]))
    found = find_candidates(owned, 0, facts)
    assert set(owned.items) <= set(found)
    near = np.concatenate([each.items[owned.items, :12].ravel() for each in (facts.basket, facts.owners)])
    assert set(near) <= set(found)
    assert (np.diff(found) > 0).all()


def test_what_is_looked_at_is_bounded(facts):
    owned, _ = draw_history(np.array([WIDTH]))
    weakest = owned.items[np.argsort(-owned.decayed_120d)[MOST_OWN:]]
    found = find_candidates(owned.strongest(MOST_OWN), 0, facts)
    assert len(found) <= MOST_OWN + len(facts.popular) + 120
    assert not set(weakest) <= set(found)


def test_for_new_items_alone_it_is_looked_further(facts):
    """Further among neighbours, and not for the customer's own."""
    owned, _ = draw_history(np.array([40]))
    wide, beside = (find_candidates(owned, 0, facts, only_new) for only_new in (True, False))
    new, new_beside = (found[~np.isin(found, owned.items)] for found in (wide, beside))
    assert len(new) > len(new_beside)
    near = [each.items[owned.items].ravel() for each in (facts.basket, facts.owners)]
    assert set(wide) <= {*np.concatenate(near).tolist(), *facts.popular.tolist(), *facts.rising.tolist()}
    assert (np.diff(wide) > 0).all()


def test_what_customers_who_are_alike_begin_with_is_among_new_items(facts):
    owned, buyers = draw_history(np.array([40]))
    found = find_candidates(owned, 0, facts, only_new=True)
    pulled = facts.pulls @ facts.factors[owned.items].sum(axis=0) / np.sqrt(40)
    strongest = facts.rising[np.argsort(-pulled)[:200]]
    assert set(strongest.tolist()) <= set(found.tolist())
    near_rising = signals_of(owned, buyers, facts, np.zeros(WIDTH, np.int64), np.arange(WIDTH))[_RISING]
    np.testing.assert_allclose(near_rising[facts.rising], pulled, rtol=1e-4, atol=1e-4)
    others = np.setdiff1d(np.arange(WIDTH), facts.rising)
    assert np.isnan(near_rising[others]).all()


def test_the_strongest_states_of_each_customer():
    owned, _ = draw_history(np.array([2, 0, 9, 30]))
    few = owned.strongest(4)
    assert few.sizes.tolist() == [2, 0, 4, 4]
    for customer in range(4):
        span = slice(owned.starts[customer], owned.starts[customer + 1])
        best = np.argsort(-owned.decayed_120d[span])[:4]
        assert few.items_of(customer).tolist() == sorted(owned.items[span][best])
    assert owned.strongest(30) is owned
