"""What goes together is told alike of many pairs and of one."""

import numpy as np
import pytest

from app.recommendations import nearness
from app.recommendations.companions import count_baskets, find_bonds, weigh_bonds
from app.recommendations.nearness import Nearness


@pytest.mark.parametrize(
    ("both", "one", "other", "goes"),
    [
        (2, 2, 2, False),  # too few to tell
        (3, 10, 10, True),
        (100, 1000, 1000, False),  # as often as by chance
        (130, 1000, 1000, False),  # G² = 10.4
        (140, 1000, 1000, True),
        (105, 1000, 1000, False),  # more often, but by chance
        (50, 1000, 1000, False),  # less often
        (500, 500, 500, True),  # never apart
    ],
)
def test_more_often_than_by_chance(both, one, other, goes):
    """Of 10,000 baskets."""
    alike = np.array([both / np.sqrt(one * other)])
    lift, least = weigh_bonds(alike, np.array([float(one)]), np.array([float(other)]), 10_000.0)
    assert lift[0] == pytest.approx(both * 10_000 / (one * other))
    assert (least[0] > 0) is np.bool_(goes)
    assert least[0] < np.log(lift[0]) or not goes


def test_bonds_are_of_neighbours_that_are_no_chance(trained):
    facts, baskets = trained.ranker.facts, count_baskets(trained)
    bonds = find_bonds(np.arange(len(trained.item_ids)), facts, baskets)
    assert len(bonds.first) > 5
    assert (bonds.least > 0).all()
    assert (bonds.first != bonds.second).all()
    assert (trained.places["pasta"], trained.places["sauce"]) in zip(bonds.first, bonds.second, strict=True)


def test_the_closest_of_what_is_owned(trained):
    at, near = trained.places, Nearness(trained)
    own = {at["pasta"], at["torch"], at["milk-1l"]}
    for _ in range(2):  # weighed, and held
        assert near.find_in_baskets([at["sauce"], at["batteries"], at["lamp"]], own) == {
            at["sauce"]: at["pasta"],
            at["batteries"]: at["torch"],
        }
        assert near.find_by_owners([at["sauce"]], {at["dip"]}) == {at["sauce"]: at["dip"]}
        assert near.find_by_owners([at["sauce"]], set()) == {}


def test_no_more_is_held_than_may_be(trained, monkeypatch):
    monkeypatch.setattr(nearness, "_MOST_HELD", 2)
    everything, own = range(len(trained.item_ids)), set(range(len(trained.item_ids)))
    near = Nearness(trained)
    one_by_one = [near.find_in_baskets([item], own) for item in everything]
    assert len(near._in_baskets) <= 2
    at_once = near.find_in_baskets(list(everything), own)
    assert at_once == {item: other for found in one_by_one for item, other in found.items()}


def test_what_rises_with_customers_of_a_taste(trained):
    facts, own, near = trained.ranker.facts, np.array([trained.places["pasta"]]), Nearness(trained)
    pulled = facts.pulls @ facts.factors[trained.places["pasta"]]
    usual = max(pulled.mean(), 0)
    liked = [item for item, pull in zip(facts.rising.tolist(), pulled, strict=True) if pull > usual]
    everything = list(range(len(trained.item_ids)))
    assert 0 < len(liked) < len(facts.rising)
    assert sorted(near.find_by_taste(everything, own)) == liked
    assert not near.find_by_taste(everything, np.arange(0))
    assert not near.find_by_taste([], own)
