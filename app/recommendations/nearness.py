"""Which of a customer's own items stands closest to one that is new to them, where that is more than chance."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.ranking.facts import Neighbours
from app.lifecycle.ranking.signals import liking
from app.models.item_artefact import ItemModel
from app.recommendations.companions import LEAST_TOGETHER, count_baskets, weigh_bonds

Ints = NDArray[np.int64]

_ORDERS: Final = 0
_OWNERS: Final = 1
"""Among `signals.ITEM`: who has bought it, however often."""


def find_in_baskets(items: Sequence[int], own: Ints, model: ItemModel) -> Mapping[int, int]:
    """Item → own item that it is bought together with most surely, as `weigh_bonds` tells; of equal ones the first.

    `own` ascend.
    """
    orders = model.ranker.facts.signals[_ORDERS]
    of, others, alike = _own_neighbours(model.ranker.facts.basket, items, own)
    if not len(of):
        return {}
    _, least = weigh_bonds(alike, orders.take(of), orders.take(others), count_baskets(model))
    return _closest(of, others, least)


def find_by_owners(items: Sequence[int], own: Ints, model: ItemModel) -> Mapping[int, int]:
    """Item → own item whose buyers are most like its own, of at least LEAST_TOGETHER of them."""
    owners = model.ranker.facts.signals[_OWNERS]
    of, others, alike = _own_neighbours(model.ranker.facts.owners, items, own)
    together = alike * np.sqrt(owners.take(of) * owners.take(others))
    return _closest(of, others, np.where(together > LEAST_TOGETHER - 0.5, alike, 0.0))


def find_by_taste(items: Sequence[int], own: Ints, model: ItemModel) -> Collection[int]:
    """Of the items those that rise, and with customers of this taste more than the usual one that does."""
    facts = model.ranker.facts
    if not len(items) or not len(facts.rising):
        return ()
    places = facts.rising.searchsorted(items)
    rises = (facts.rising.take(places, mode="clip") == items).nonzero()[0]
    if not len(rises):
        return ()
    liked = liking(own[own < len(facts.factors)], facts)
    pulled = facts.pulls.take(places.take(rises), axis=0) @ liked
    likes = pulled > max(float(model.ranker.usual_pull @ liked), 0.0)
    return {items[place] for place in rises[likes].tolist()}


def _own_neighbours(neighbours: Neighbours, items: Sequence[int], own: Ints) -> tuple[Ints, Ints, Floats]:
    """(n,) each: an item, an own item that is among its neighbours, and how much alike they are."""
    if not len(items) or not len(own):
        return np.arange(0), np.arange(0), np.zeros(0)
    near = neighbours.items.take(items, axis=0)
    rows, columns = (own.take(own.searchsorted(near), mode="clip") == near).nonzero()
    of = np.array(items).take(rows)
    return of, near[rows, columns].astype(np.int64), neighbours.weights[of, columns].astype(np.float64)


def _closest(of: Ints, others: Ints, amounts: Floats) -> Mapping[int, int]:
    """Of each item the other of the greatest amount above 0; of equal ones the first."""
    found: dict[int, tuple[float, int]] = {}
    for item, other, amount in zip(of.tolist(), others.tolist(), amounts.tolist(), strict=True):
        if amount > 0.0:
            found[item] = max(found.get(item, (0.0, 0)), (amount, -other))
    return {item: -other for item, (_, other) in found.items()}
