"""From many scored items to the few that are shown: one of a product, a variety of categories, pins where they are put.

A category's second item counts for less than its first, its third for less again (`variety`): the greedy choice by
score × variety^(items of its category chosen before) is within 1 − 1/e of the best set, since the sum of such
discounted scores is monotone and submodular (G. L. Nemhauser, L. A. Wolsey and M. L. Fisher, 1978).
"""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats

Ints = NDArray[np.int64]

NO_CATEGORY: Final = -1
_WALKED_PER_SHOWN: Final = 8


class Shelf(NamedTuple):
    """Items that may be shown, (n,) each, in an order that settles ties; all that rules forbid is left out before."""

    scores: Floats
    """≥ 0."""
    categories: Ints
    """NO_CATEGORY: unknown, and unlike any other."""
    products: Ints
    """The same for packs of one product."""


def choose_items(shelf: Shelf, limit: int, variety: float, pins: Sequence[tuple[int, int]] = ()) -> list[int]:
    """Places on the shelf in the order in which they are shown, `limit` of them unless there are fewer products.

    `variety` in (0, 1]: 1 takes the best by score whatever their categories. `pins`: (rank from 0, place), ranks
    ascending; of two packs of one product the first pin is shown, and a pin whose rank is beyond the end stands last.
    """
    products = shelf.products
    shown_products: set[int] = set()
    pinned: list[tuple[int, int]] = []
    for rank, place in pins:
        if rank < limit and int(products[place]) not in shown_products:
            shown_products.add(int(products[place]))
            pinned.append((rank, place))
    free = _Greedy(shelf, variety, shown_products, limit)
    for _, place in pinned:
        free.count(place)
    chosen = free.take(limit - len(pinned))
    for rank, place in pinned:
        chosen.insert(rank, place)
    return chosen


class _Greedy:
    """Takes the item of the greatest discounted score, again and again.

    Scores are walked downwards. A discounted score is no greater than the score, so that whatever has not been walked
    yet is beaten by what waits with more.
    """

    def __init__(self, shelf: Shelf, variety: float, shown: set[int], limit: int) -> None:
        self._shelf, self._variety, self._shown = shelf, variety, shown
        self._walk = _downwards(shelf.scores, _WALKED_PER_SHOWN * limit)
        self._next = next(self._walk, None)
        self._counts: dict[int, int] = {}
        self._waiting: list[tuple[float, int, _Walked, int]] = []
        """(−discounted score, steps walked to it, item, the count by which it was discounted)."""

    def count(self, place: int) -> None:
        """Tells that an item is shown."""
        category = int(self._shelf.categories[place])
        if category != NO_CATEGORY:
            self._counts[category] = self._counts.get(category, 0) + 1

    def take(self, number: int) -> list[int]:
        """The next ones, `number` at most."""
        chosen: list[int] = []
        while len(chosen) < number and (self._next is not None or self._waiting):
            if self._next is not None and (not self._waiting or self._next.score > -self._waiting[0][0]):
                self._wait(self._next)
                self._next = next(self._walk, None)
                continue
            _, _, item, count = heappop(self._waiting)
            product = int(self._shelf.products[item.place])
            if product in self._shown:
                continue
            if self._count_like(item) != count:
                self._wait(item)
                continue
            self._shown.add(product)
            self.count(item.place)
            chosen.append(item.place)
        return chosen

    def _wait(self, item: "_Walked") -> None:
        count = self._count_like(item)
        heappush(self._waiting, (-item.score * self._variety**count, item.step, item, count))

    def _count_like(self, item: "_Walked") -> int:
        return self._counts.get(int(self._shelf.categories[item.place]), 0)


class _Walked(NamedTuple):
    step: int
    place: int
    score: float


def _downwards(scores: Floats, first: int) -> Iterator[_Walked]:
    """Places by score, the greatest first, ties in their own order. Of many only the `first` or so are put in order at
    once: hardly ever is there need of more."""
    least = np.partition(scores, -first)[-first] if first < len(scores) else -np.inf
    step = 0
    for is_part in (scores >= least, scores < least):
        places = np.flatnonzero(is_part)
        ordered = places[np.argsort(-scores[places], kind="stable")]
        for place, score in zip(ordered.tolist(), scores[ordered].tolist(), strict=True):
            yield _Walked(step, place, score)
            step += 1
