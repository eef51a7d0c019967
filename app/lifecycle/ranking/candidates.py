"""Which items are looked at for a customer: their own, what goes with those, and what sells.

The same in training and at the till. What is looked at is bounded, however long the history.
"""

from typing import Final

import numpy as np

from app.lifecycle.features import Floats
from app.lifecycle.ranking.facts import Facts, Neighbours
from app.lifecycle.ranking.owned import Ints, Owned

MOST_OWN: Final = 150
"""Own items that are looked at: those bought most, of late more."""
_STRONGEST: Final = 24
"""Own items whose neighbours are looked at."""
_EACH: Final = 16
"""Neighbours of one."""
_NEAR: Final = 100
"""Neighbours of all of them, the nearest."""


def find_candidates(owned: Owned, customer: int, facts: Facts) -> Ints:
    """Ascending items. A customer without a history gets what sells."""
    of_customer = slice(*owned.starts[customer : customer + 2].tolist())
    items, weights = owned.items[of_customer], owned.decayed_120d[of_customer]
    if not len(items):
        return np.sort(facts.popular)
    order = (-weights).argsort(kind="stable")
    strongest = order[:_STRONGEST]
    found = [_nearest(items[strongest], weights[strongest], each) for each in (facts.basket, facts.owners)]
    return np.unique(np.concatenate([items[order[:MOST_OWN]], facts.popular, *found]))


def _nearest(items: Ints, weights: Floats, neighbours: Neighbours) -> Ints:
    """Those that go best with all the items together."""
    near = neighbours.items[items, :_EACH].ravel().astype(np.int64)
    alike = (neighbours.weights[items, :_EACH] * weights[:, None]).ravel()
    distinct, places = np.unique(near, return_inverse=True)
    if len(distinct) <= _NEAR:
        return distinct
    total = np.bincount(places, weights=alike)
    return distinct[np.argpartition(-total, _NEAR)[:_NEAR]]
