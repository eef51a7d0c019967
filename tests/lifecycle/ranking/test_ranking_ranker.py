"""The ranker as it is served: the same as in training, bounded, filtered before ranking, and explained."""

import numpy as np
import pytest

from app.lifecycle.ranking.candidates import MOST_OWN, find_candidates
from app.lifecycle.ranking.packing import pack, unpack
from app.lifecycle.ranking.signals import SIGNALS, buyer_signals, make_pairs, pair_signals
from tests.lifecycle.ranking.item_rankers import draw_history, draw_ranker

WIDTH = 300


@pytest.fixture(scope="module")
def ranker():
    return draw_ranker(WIDTH)


@pytest.mark.parametrize("size", [0, 1, 40, 200])
def test_the_till_ranks_as_training_does(ranker, size):
    owned, buyers = draw_history(np.array([size]))
    strong = owned.strongest(MOST_OWN)
    found = find_candidates(strong, 0, ranker.facts)
    pairs = make_pairs(strong, np.zeros(len(found), np.int64), found, WIDTH)
    scores = ranker.of_all.score(pair_signals(pairs, strong, buyer_signals(owned, buyers), buyers, ranker.facts))
    ranked = ranker.rank(owned, buyers, 10)
    order = np.lexsort((found, -scores))[:10]
    assert ranked.items.tolist() == found[order].tolist()
    np.testing.assert_allclose(ranked.scores, scores[order])


def test_terms_add_up(ranker):
    owned, buyers = draw_history(np.array([40]))
    ranked = ranker.rank(owned, buyers, 5)
    np.testing.assert_allclose(ranker.of_all.intercept + ranked.terms.sum(axis=1), ranked.scores)


def test_new_items_alone(ranker):
    owned, buyers = draw_history(np.array([40]))
    ranked = ranker.rank(owned, buyers, 20, only_new=True)
    assert len(ranked.items) == 20
    assert not ranked.is_own.any()
    assert not set(ranked.items) & set(owned.items)


def test_what_may_not_be_shown_is_left_out_before_ranking(ranker):
    owned, buyers = draw_history(np.array([40]))
    whole = ranker.rank(owned, buyers, WIDTH)
    allowed = np.ones(WIDTH, bool)
    allowed[whole.items[:7]] = False
    ranked = ranker.rank(owned, buyers, 10, allowed=allowed)
    assert ranked.items.tolist() == whole.items[7:17].tolist()


def test_nothing_may_be_shown(ranker):
    owned, buyers = draw_history(np.array([3]))
    assert not len(ranker.rank(owned, buyers, 10, allowed=np.zeros(WIDTH, bool)).items)


def test_a_ranker_is_packed_and_unpacked(ranker):
    owned, buyers = draw_history(np.array([40]))
    again = unpack(pack(ranker), WIDTH).rank(owned, buyers, 10)
    assert again.items.tolist() == ranker.rank(owned, buyers, 10).items.tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("facts.popular", np.array([WIDTH])),
        ("facts.gap_days", np.zeros(WIDTH)),
        ("facts.rising", np.arange(WIDTH * 3 // 4)[::-1]),
        ("facts.rising", np.arange(1, WIDTH * 3 // 4)),
        ("facts.pulls", np.full((WIDTH * 3 // 4, 8), np.nan)),
        ("facts.factors", np.full((WIDTH, 8), np.nan)),
        ("facts.basket.items", np.full((WIDTH, 20), -1)),
        ("facts.owners.weights", np.zeros((WIDTH, 19))),
        ("new.pairs", np.array([[0, len(SIGNALS)]])),
    ],
)
def test_what_does_not_fit_is_refused(ranker, name, value):
    with pytest.raises(ValueError, match=r"that|none|fit"):
        unpack(pack(ranker) | {name: value}, WIDTH)


def test_facts_of_other_items_are_refused(ranker):
    with pytest.raises(ValueError, match="not of 299 items"):
        unpack(pack(ranker), WIDTH - 1)


def test_what_is_wanted_is_looked_at_and_scored_as_any_other(ranker):
    owned, buyers = draw_history(np.array([40]))
    plain, limit = ranker.rank(owned, buyers, WIDTH), WIDTH
    new = np.setdiff1d(np.arange(WIDTH), plain.items)[:5]
    known = plain.items[:2]
    ranked = ranker.rank(owned, buyers, limit, also=np.append(new, known))
    assert {*ranked.items.tolist()} == {*plain.items.tolist(), *new.tolist()}
    told = dict(zip(ranked.items.tolist(), ranked.scores, strict=True))
    np.testing.assert_allclose([told[item] for item in plain.items.tolist()], plain.scores)
    assert {*ranker.rank(owned, buyers, limit, also=known).items.tolist()} == {*plain.items.tolist()}
    none = ranker.rank(owned, buyers, limit, also=new, allowed=~np.isin(np.arange(WIDTH), new))
    assert none.items.tolist() == plain.items.tolist()
