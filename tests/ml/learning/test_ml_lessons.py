"""What the rankers of items learn from: all that was bought next, a share of the rest; new items apart."""

import numpy as np
import pytest

from app.lifecycle.ranking.signals import SIGNALS
from ml.data.baskets import Targets
from ml.learning.digest import Candidates, digest, look_at
from ml.learning.ranking import MOST_CUTOFFS, Examples, Lessons, TooFewBaskets, are_enough, fit_on_splits, make_lessons
from tests.ml.learning.test_ml_digest import make_baskets

ITEMS = 60


@pytest.fixture(scope="module")
def known():
    draw = np.random.default_rng(4)
    histories = [
        [(day, set(draw.choice(ITEMS, 4, replace=False).tolist())) for day in range(0, 50, 7)] for _ in range(80)
    ]
    return digest(make_baskets(*histories, items=ITEMS), 57.0)


@pytest.fixture(scope="module")
def targets():
    draw = np.random.default_rng(5)
    items = np.concatenate([np.sort(draw.choice(ITEMS, 6, replace=False)) for _ in range(80)])
    return Targets(np.arange(80), np.arange(81) * 6, items)


def pairs_of(candidates):
    return set(zip(candidates.customers.tolist(), candidates.items.tolist(), strict=True))


def test_all_that_was_bought_is_learned_from_and_a_share_of_the_rest(known, targets):
    whole, thin = make_lessons(known, targets), make_lessons(known, targets, 3)
    for every, kept in ((whole.of_all, thin.of_all), (whole.of_new, thin.of_new)):
        assert kept.is_bought.sum() == every.is_bought.sum() > 0
        assert pairs_of(kept.candidates) < pairs_of(every.candidates)
        share = (~kept.is_bought).sum() / (~every.is_bought).sum()
        assert 0.2 < share < 0.3


def test_thinned_candidates_say_the_same(known, targets):
    """Signals are made of what is kept alone: of the same pairs they are the same as among all."""
    whole, thin = make_lessons(known, targets).of_all.candidates, make_lessons(known, targets, 3).of_all.candidates
    places = dict(zip(zip(whole.customers.tolist(), whole.items.tolist(), strict=True), whole.signals.T, strict=True))
    for customer, item, told in zip(thin.customers.tolist(), thin.items.tolist(), thin.signals.T, strict=True):
        np.testing.assert_array_equal(told, places[customer, item])


def test_what_the_customer_knows_is_not_new(known, targets):
    lessons = make_lessons(known, targets)
    assert lessons.of_all.candidates.is_own.any()
    new = lessons.of_new.candidates
    assert not new.is_own.any()
    assert not known.is_own(new.customers, new.items).any()
    shown = np.concatenate([part.items for part in look_at(known, np.array([7]), only_new=True)])
    assert set(shown) == set(new.items[new.customers == 7])


def test_some_customers(known, targets):
    some = make_lessons(known, targets).of_customers(np.array([3, 9]))
    assert {3, 9} == set(some.of_all.candidates.customers) == set(some.of_new.candidates.customers)


def test_nobody_came_back(known):
    none = Targets(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int64))
    with pytest.raises(TooFewBaskets):
        make_lessons(known, none)


@pytest.mark.parametrize(("came", "needed"), [(900, None), (1_500, 4), (2_000, 3), (9_000, 3)])
def test_where_few_came_it_is_learned_from_further_back(came, needed):
    """Three cut-offs at least."""
    signals = np.zeros((len(SIGNALS), came), np.float32)
    candidates = Candidates(np.arange(came), np.zeros(came, np.int64), np.zeros(came, bool), signals)
    lessons = Lessons(*[Examples(candidates, np.ones(came, bool))] * 2)
    enough = [number for number in range(MOST_CUTOFFS + 1) if are_enough([lessons] * number)]
    assert enough == ([] if needed is None else list(range(needed, MOST_CUTOFFS + 1)))


def test_no_cutoff_teaches_nothing():
    with pytest.raises(TooFewBaskets, match="earlier horizon"):
        fit_on_splits(iter(()))
