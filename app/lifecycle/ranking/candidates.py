"""Which items are looked at for a customer: their own, what goes with those, and what sells.

The same in training and at the till. What is looked at is bounded, however long the history.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.ranking.facts import Facts
from app.lifecycle.ranking.owned import Ints, Owned

MOST_OWN: Final = 120
"""Own items that are looked at, and what neighbours are looked for by: those bought most, of late more."""
_STRONGEST: Final = 20
"""Own items whose neighbours are looked at."""
_EACH: Final = 12
"""Neighbours of one, in baskets and by owners."""
_NEAR: Final = 120
"""Neighbours of all of them, the nearest."""


def find_candidates(owned: Owned, customer: int, facts: Facts) -> Ints:
    """Ascending items; `owned` has MOST_OWN states of a customer at most. Without a history there is what sells."""
    of_customer = slice(*owned.starts[customer : customer + 2].tolist())
    items, weights = owned.items[of_customer], owned.decayed_120d[of_customer]
    if not len(items):
        return np.sort(facts.popular)
    chosen = (-weights).argsort(kind="stable")[:_STRONGEST]
    found = np.concatenate([items, facts.popular, _nearest(items.take(chosen), weights.take(chosen), facts)])
    found.sort()
    return found[_begins(found)]


def _nearest(items: Ints, weights: Floats, facts: Facts) -> Ints:
    """Those that go best with all the items together."""
    lists = (facts.basket, facts.owners)
    near = np.concatenate([each.items.take(items, axis=0)[:, :_EACH].ravel() for each in lists])
    alike = np.concatenate([(each.weights.take(items, axis=0)[:, :_EACH] * weights[:, None]).ravel() for each in lists])
    order = near.argsort()
    near = near.take(order)
    begins = _begins(near)
    distinct = near.take(begins).astype(np.int64)
    if len(distinct) <= _NEAR:
        return distinct
    total = np.add.reduceat(alike.take(order), begins)
    return distinct[np.argpartition(-total, _NEAR)[:_NEAR]]


def _begins(items: NDArray[Any]) -> Ints:
    """Where each begins of those that follow one another."""
    is_new = np.empty(len(items), bool)
    is_new[0] = True
    np.not_equal(items[1:], items[:-1], out=is_new[1:])
    return is_new.nonzero()[0]
