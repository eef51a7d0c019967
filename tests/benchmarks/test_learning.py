"""A short run of what `benchmarks.learning` measures: 5,000 decisions of the learner, with its own exploration."""

import numpy as np
import pytest

from benchmarks.learning import judge
from ml.demo.offers import BELIEFS_OFF, OfferShop


@pytest.mark.parametrize("seed", [0, 3])
def test_the_learned_policy_beats_the_rules_and_is_near_the_oracle(seed):
    found = judge(OfferShop.draw(seed), 5000, seed, with_bandits=False)
    assert found["learned"] >= 0.92 * found["oracle"]
    assert found["learned"] > found["rules"] > found["nothing"]


def test_where_nothing_moves_anybody_little_is_lost():
    found = [judge(OfferShop.draw(seed, moved=False), 5000, seed, with_bandits=False) for seed in range(5)]
    assert all(each["learned"] > each["rules"] for each in found)
    assert np.mean([each["learned"] / each["nothing"] for each in found]) >= 0.98


def test_each_shop_has_beliefs_of_its_own():
    """Which are not of its effects: those are the same whether or not anything moves anybody."""
    one, other = OfferShop.draw(0), OfferShop.draw(1)
    assert not np.array_equal(one.misjudged, other.misjudged)
    np.testing.assert_array_equal(one.misjudged, OfferShop.draw(0, moved=False).misjudged)
    assert np.std(one.misjudged) == pytest.approx(BELIEFS_OFF, rel=0.3)
