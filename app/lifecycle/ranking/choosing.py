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
        self._walk = _downwards(shelf, _WALKED_PER_SHOWN * limit)
        self._counts: dict[int, int] = {}
        """By category, how many items of it are shown."""

    def count(self, place: int) -> None:
        """Tells that an item is shown."""
        self._count(int(self._shelf.categories[place]))

    def _count(self, category: int) -> None:
        if category != NO_CATEGORY:
            self._counts[category] = self._counts.get(category, 0) + 1

    def take(self, number: int) -> list[int]:
        """The next ones, `number` at most; asked for once."""
        chosen: list[int] = []
        waiting: list[tuple[float, int, int, _Walked]] = []
        """(−discounted score, steps walked to it, the count by which it was discounted, item)."""
        counts, shown, variety = self._counts, self._shown, self._variety
        step, coming = 0, next(self._walk, None)
        while len(chosen) < number and (coming is not None or waiting):
            if coming is not None and (not waiting or coming[0] > -waiting[0][0]):
                count = counts.get(coming[2], 0)
                heappush(waiting, (-coming[0] * variety**count, step, count, coming))
                step, coming = step + 1, next(self._walk, None)
                continue
            _, at, discounted, item = heappop(waiting)
            score, place, category, product = item
            if product in shown:
                continue
            if (count := counts.get(category, 0)) != discounted:
                heappush(waiting, (-score * variety**count, at, count, item))
                continue
            shown.add(product)
            self._count(category)
            chosen.append(place)
        return chosen


_Walked = tuple[float, int, int, int]
"""(score, place, category, product)."""


def _downwards(shelf: Shelf, first: int) -> Iterator[_Walked]:
    """Items by score, the greatest first, ties in their own order. Of many only the `first` or so are put in order at
    once: hardly ever is there need of more."""
    scores = shelf.scores
    if first >= len(scores):
        yield from _in_order(shelf, (-scores).argsort(kind="stable"))
        return
    least = np.partition(scores, -first)[-first]
    for is_part in (scores >= least, scores < least):
        places = is_part.nonzero()[0]
        yield from _in_order(shelf, places.take((-scores.take(places)).argsort(kind="stable")))


def _in_order(shelf: Shelf, places: Ints) -> Iterator[_Walked]:
    return zip(
        shelf.scores.take(places).tolist(),
        places.tolist(),
        shelf.categories.take(places).tolist(),
        shelf.products.take(places).tolist(),
        strict=True,
    )
