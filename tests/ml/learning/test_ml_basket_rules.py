"""The rules and the published methods beside the ranker, by hand."""

import numpy as np
import pytest

from ml.learning.basket_rules import rules
from ml.learning.digest import digest
from tests.ml.learning.test_ml_digest import BREAD, MILK, SALT, SHOP, TEA, make_baskets

EVERYBODY = np.arange(3)


@pytest.fixture(scope="module")
def scorers():
    return rules(digest(SHOP, 40.0))


def test_simple_rules(scorers):
    assert scorers["popular"](EVERYBODY)[0].tolist() == [2 / 4, 1, 1, 0]
    assert scorers["personal_frequency"](EVERYBODY)[2].tolist() == [-np.inf, 1, 2, -np.inf]
    filled = scorers["personal_frequency_filled"](EVERYBODY)[1]
    assert np.argsort(-filled, kind="stable").tolist() == [BREAD, TEA, MILK, SALT]
    decayed = scorers["decayed_and_popular"](EVERYBODY)[2]
    assert decayed == pytest.approx([2 * 2 / 4, 0.95 + 2, 1 + 0.95 + 2, 0])


def test_tifu_knn_groups_of_seven():
    """Nine baskets: a group of the last seven and one of the first two, decayed within and between; nobody else."""
    baskets = make_baskets([(0, [TEA])] + [(day, [MILK]) for day in range(1, 9)], [(0, [SALT])])
    scores = rules(digest(baskets, 9.0))["tifu_knn"](np.array([0]))[0]
    last = sum(0.9**age for age in range(7)) / 7
    first = [0.9 / 2, 1 / 2]
    own = {MILK: (last + 0.7 * first[1]) / 2, TEA: 0.7 * first[0] / 2}
    assert scores[MILK] == pytest.approx(0.7 * own[MILK])
    assert scores[TEA] == pytest.approx(0.7 * own[TEA])
    assert scores[SALT] == pytest.approx(0.3)


def test_up_cf_by_hand():
    """Two share one of their two and three items; each counts oneself wholly."""
    baskets = make_baskets([(0, [TEA, MILK])], [(0, [TEA, BREAD, SALT]), (1, [TEA])])
    scores = rules(digest(baskets, 2.0))["up_cf"](np.array([0]))[0]
    alike = (1 / (2**0.5 * 3**0.5)) ** 2
    assert scores == pytest.approx([1 + alike, 1, alike / 2, alike / 2])
