"""A short run of what `benchmarks.learning` measures: 5,000 decisions of the learner, with its own exploration."""

import pytest

from benchmarks.learning import judge
from ml.demo.offers import OfferShop


@pytest.mark.parametrize("seed", [0, 3])
def test_the_learned_policy_beats_the_rules_and_is_near_the_oracle(seed):
    found = judge(OfferShop.draw(seed), 5000, seed, with_bandits=False)
    assert found["learned"] >= 0.92 * found["oracle"]
    assert found["learned"] > found["rules"] > found["nothing"]


def test_where_nothing_moves_anybody_hardly_anything_is_lost():
    found = judge(OfferShop.draw(0, moved=False), 5000, 0, with_bandits=False)
    assert found["learned"] >= 0.98 * found["nothing"]
