"""Which of a customer's own items stands closest to one that is new to them, where that is more than chance."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.ranking.facts import Neighbours
from app.lifecycle.ranking.signals import liking
from app.models.item_artefact import ItemModel
from app.recommendations.companions import LEAST_TOGETHER, count_baskets, weigh_bonds

Ints = NDArray[np.int64]
_Tied = Mapping[int, float]

_ORDERS: Final = 0
_OWNERS: Final = 1
"""Among `signals.ITEM`: who has bought it, however often."""
_MOST_HELD: Final = 4096
"""Items whose ties are held, of some 2 kB each."""


class Nearness:
    """What stands close to the items of one model. Ties of an item are weighed when it is first asked about: what is
    shown to one is shown to many."""

    def __init__(self, model: ItemModel) -> None:
        self._model = model
        self._rising = frozenset(model.ranker.facts.rising.tolist())
        self._in_baskets: dict[int, _Tied] = {}
        self._by_owners: dict[int, _Tied] = {}

    def find_in_baskets(self, items: Sequence[int], own: Set[int]) -> Mapping[int, int]:
        """Item → own item that it is bought together with most surely, as `weigh_bonds` tells; of equal ones the
        first."""
        return _find_closest(_ties_of(items, self._in_baskets, self._tie_in_baskets), own)

    def find_by_owners(self, items: Sequence[int], own: Set[int]) -> Mapping[int, int]:
        """Item → own item whose buyers are most like its own, of at least LEAST_TOGETHER of them."""
        return _find_closest(_ties_of(items, self._by_owners, self._tie_by_owners), own)

    def find_by_taste(self, items: Iterable[int], own: Ints) -> Collection[int]:
        """Of the items those that rise, and with customers of this taste more than the usual one that does."""
        facts = self._model.ranker.facts
        rising = [item for item in items if item in self._rising]
        if not rising:
            return ()
        liked = liking(own[own < len(facts.factors)], facts)
        pulled = facts.pulls.take(facts.rising.searchsorted(rising), axis=0) @ liked
        likes = pulled > max(float(self._model.ranker.usual_pull @ liked), 0.0)
        return {rising[place] for place in likes.nonzero()[0].tolist()}

    def _tie_in_baskets(self, items: Ints) -> tuple[Ints, Floats]:
        facts = self._model.ranker.facts
        orders = facts.signals[_ORDERS]
        others, alike = _neighbours_of(items, facts.basket)
        one, other = np.repeat(orders.take(items), others.shape[1]), orders.take(others).ravel()
        _, least = weigh_bonds(alike.ravel(), one, other, count_baskets(self._model))
        return others, least.reshape(others.shape)

    def _tie_by_owners(self, items: Ints) -> tuple[Ints, Floats]:
        facts = self._model.ranker.facts
        owners = facts.signals[_OWNERS]
        others, alike = _neighbours_of(items, facts.owners)
        together = alike * np.sqrt(owners.take(items)[:, None] * owners.take(others))
        return others, np.where(together > LEAST_TOGETHER - 0.5, alike, 0.0)


def _neighbours_of(items: Ints, neighbours: Neighbours) -> tuple[Ints, Floats]:
    """(n, k) each."""
    others, alike = (each.take(items, axis=0) for each in neighbours)
    return others.astype(np.int64), alike.astype(np.float64)


def _ties_of(
    items: Sequence[int], held: dict[int, _Tied], weigh: Callable[[Ints], tuple[Ints, Floats]]
) -> Mapping[int, _Tied]:
    """Of each item the others that it is tied to, and how much, above 0."""
    lacking = [item for item in items if item not in held]
    if lacking:
        if len(held) + len(lacking) > _MOST_HELD:
            held.clear()
            lacking = list(items)
        others, amounts = weigh(np.array(lacking))
        for item, tied, weights in zip(lacking, others.tolist(), amounts.tolist(), strict=True):
            ties = zip(reversed(tied), reversed(weights), strict=True)  # the most alike comes first, and prevails
            held[item] = {other: weight for other, weight in ties if weight > 0.0}
    return {item: held[item] for item in items}


def _find_closest(ties: Mapping[int, _Tied], own: Set[int]) -> Mapping[int, int]:
    """Of each item the own one of the greatest amount; of equal ones the first."""
    found = {}
    for item, tied in ties.items():
        if both := tied.keys() & own:
            found[item] = -max((tied[other], -other) for other in both)[1]
    return found
