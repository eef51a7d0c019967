"""Which of a customer's own items stands closest to one that is new to them, where that is more than chance.

The few pairs that there are are found by arrays, and told by plain arithmetic: of so few arrays would be dearer.
"""

from collections.abc import Collection, Mapping, Sequence
from math import log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.ranking.facts import Neighbours
from app.lifecycle.ranking.signals import liking
from app.models.item_artefact import ItemModel
from app.recommendations.companions import LEAST_TOGETHER, SURPRISING, Z, count_baskets

Ints = NDArray[np.int64]

_ORDERS: Final = 0
_OWNERS: Final = 1
"""Among `signals.ITEM`: who has bought it, however often."""


def find_in_baskets(items: Sequence[int], own: Ints, model: ItemModel) -> Mapping[int, int]:
    """Item → own item that it is bought together with most surely, as `find_bonds` tells; of equal ones the first.

    `own` ascend.
    """
    orders, baskets = model.ranker.facts.signals[_ORDERS], count_baskets(model)
    found: dict[int, int] = {}
    for item, near in _own_neighbours(model.ranker.facts.basket, items, own).items():
        one, best = float(orders[item]), 0.0
        for other, alike in near:
            least = bond(alike, one, float(orders[other]), baskets)
            if least > best:
                found[item], best = other, least
    return found


def find_by_owners(items: Sequence[int], own: Ints, model: ItemModel) -> Mapping[int, int]:
    """Item → own item whose buyers are most like its own, of at least LEAST_TOGETHER of them."""
    owners = model.ranker.facts.signals[_OWNERS]
    found: dict[int, int] = {}
    for item, near in _own_neighbours(model.ranker.facts.owners, items, own).items():
        best = 0.0
        for other, alike in near:
            if alike > best and alike * sqrt(owners[item] * owners[other]) > LEAST_TOGETHER - 0.5:
                found[item], best = other, alike
    return found


def find_by_taste(items: Sequence[int], own: Ints, model: ItemModel) -> Collection[int]:
    """Of the items those that rise, and with customers of this taste more than the usual one that does."""
    facts = model.ranker.facts
    places = facts.rising.searchsorted(items)
    rises = np.append(facts.rising, -1).take(places) == items
    if not rises.any():
        return ()
    pulled = facts.pulls @ liking(own[own < len(facts.factors)], facts)
    likes = np.append(pulled > max(float(pulled.mean()), 0.0), False).take(places)
    return {item for item, is_liked in zip(items, (rises & likes).tolist(), strict=True) if is_liked}


def _own_neighbours(neighbours: Neighbours, items: Sequence[int], own: Ints) -> dict[int, list[tuple[int, float]]]:
    """Of each item that has some: (own item, how much alike), ascending."""
    found: dict[int, list[tuple[int, float]]] = {}
    if not items or not len(own):
        return found
    near = neighbours.items.take(items, axis=0)
    rows, columns = (own.take(own.searchsorted(near), mode="clip") == near).nonzero()
    of = np.array(items).take(rows)
    others, alike = neighbours.items[of, columns].tolist(), neighbours.weights[of, columns].tolist()
    for item, *pair in zip(of.tolist(), others, alike, strict=True):
        found.setdefault(item, []).append((pair[0], pair[1]))
    for pairs in found.values():
        pairs.sort()
    return found


def bond(alike: float, one: float, other: float, baskets: float) -> float:
    """The least of ln lift, of two items that `one` and `other` baskets hold; 0: it may be chance."""
    both = float(round(alike * sqrt(one * other)))
    if both < LEAST_TOGETHER or both * baskets <= one * other:
        return 0.0
    sides = ((both, one, other), (one - both, one, baskets - other), (other - both, baskets - one, other))
    cells = (*sides, (max(baskets - one - other + both, 0.0), baskets - one, baskets - other))
    surprise = 2.0 * sum(seen * log(seen * baskets / (side * end)) for seen, side, end in cells if seen > 0.0)
    if surprise < SURPRISING:
        return 0.0
    return max(log(both * baskets / (one * other)) - Z / sqrt(both), 0.0)
