"""Which of a customer's own items stands closest to one that is new to them, where that is more than chance.

Plain arithmetic: of the few pairs that there are arrays would be dearer.
"""

from collections.abc import Collection, Mapping, Sequence
from math import log, sqrt
from typing import Final

from app.lifecycle.ranking.facts import Neighbours
from app.models.item_artefact import ItemModel
from app.recommendations.companions import LEAST_TOGETHER, SURPRISING, Z, count_baskets

_ORDERS: Final = 0
_OWNERS: Final = 1
"""Among `signals.ITEM`: who has bought it, however often."""


def find_in_baskets(items: Sequence[int], own: Collection[int], model: ItemModel) -> Mapping[int, int]:
    """Item → own item that it is bought together with most surely, as `find_bonds` tells; of equal ones the first."""
    orders, baskets = model.ranker.facts.signals[_ORDERS], count_baskets(model)
    found: dict[int, int] = {}
    for item in items:
        one, best = float(orders[item]), 0.0
        for other, alike in sorted(_own_neighbours(model.ranker.facts.basket, item, own)):
            least = bond(alike, one, float(orders[other]), baskets)
            if least > best:
                found[item], best = other, least
    return found


def find_by_owners(items: Sequence[int], own: Collection[int], model: ItemModel) -> Mapping[int, int]:
    """Item → own item whose buyers are most like its own, of at least LEAST_TOGETHER of them."""
    owners = model.ranker.facts.signals[_OWNERS]
    found: dict[int, int] = {}
    for item in items:
        best = 0.0
        for other, alike in sorted(_own_neighbours(model.ranker.facts.owners, item, own)):
            if alike > best and alike * sqrt(owners[item] * owners[other]) > LEAST_TOGETHER - 0.5:
                found[item], best = other, alike
    return found


def _own_neighbours(neighbours: Neighbours, item: int, own: Collection[int]) -> list[tuple[int, float]]:
    pairs = zip(neighbours.items[item].tolist(), neighbours.weights[item].tolist(), strict=True)
    return [(other, alike) for other, alike in pairs if other in own]


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
