"""Which items are looked at for a customer: their own, what goes with those, and what sells.

The same in training and at the till. What is looked at is bounded, however long the history.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.ranking.facts import Facts
from app.lifecycle.ranking.owned import Ints, Owned
from app.lifecycle.ranking.signals import liking

MOST_OWN: Final = 120
"""Own items that are looked at, and what neighbours are looked for by: those bought most, of late more."""


class _Reach(NamedTuple):
    """How far is looked: own items, how many neighbours of each (in baskets, and by owners), how many of all; and
    how many that rise."""

    strongest: int
    each: int
    near: int
    rising: int


_BESIDE_OWN: Final = _Reach(20, 12, 120, 0)
_NEW_ALONE: Final = _Reach(30, 16, 150, 200)
"""Beside own items new ones have little say; alone they are as many as own and new together."""


def find_candidates(owned: Owned, customer: int, facts: Facts, only_new: bool = False) -> Ints:
    """Ascending items; `owned` has MOST_OWN states of a customer at most. Without a history there is what sells.

    For new items alone it is looked further, and own ones are among them only by chance.
    """
    of_customer = slice(*owned.starts[customer : customer + 2].tolist())
    items, weights = owned.items[of_customer], owned.decayed_120d[of_customer]
    if not len(items):
        return np.sort(facts.popular)
    reach = _NEW_ALONE if only_new else _BESIDE_OWN
    chosen = (-weights).argsort(kind="stable")[: reach.strongest]
    near = _nearest(items.take(chosen), weights.take(chosen), facts, reach)
    found = np.concatenate([facts.popular, near, _rising(items, facts, reach) if only_new else items])
    found.sort()
    return found[_begins(found)]


def _nearest(items: Ints, weights: Floats, facts: Facts, reach: _Reach) -> Ints:
    """Those that go best with all the items together."""
    lists, each = (facts.basket, facts.owners), slice(reach.each)
    near = np.concatenate([of.items.take(items, axis=0)[:, each].ravel() for of in lists])
    alike = np.concatenate([(of.weights.take(items, axis=0)[:, each] * weights[:, None]).ravel() for of in lists])
    order = near.argsort()
    near = near.take(order)
    begins = _begins(near)
    distinct = near.take(begins).astype(np.int64)
    if len(distinct) <= reach.near:
        return distinct
    total = np.add.reduceat(alike.take(order), begins)
    return distinct[np.argpartition(-total, reach.near)[: reach.near]]


def _rising(items: Ints, facts: Facts, reach: _Reach) -> Ints:
    """What customers who like the same have begun with of late."""
    if len(facts.rising) <= reach.rising:
        return facts.rising
    pulled = facts.pulls @ liking(items, facts)
    return facts.rising[np.argpartition(-pulled, reach.rising)[: reach.rising]]


def _begins(items: NDArray[Any]) -> Ints:
    """Where each begins of those that follow one another."""
    is_new = np.empty(len(items), bool)
    is_new[0] = True
    np.not_equal(items[1:], items[:-1], out=is_new[1:])
    return is_new.nonzero()[0]
