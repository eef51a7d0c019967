"""What goes with a basket: items that come together more often than chance would have it.

Of two items that n baskets of N hold together, and n₁ and n₂ each, the lift is n N / (n₁ n₂). It counts where the two
were together often enough, and where that is no chance by the likelihood ratio (T. Dunning, "Accurate methods for the
statistics of surprise and coincidence", 1993). What is added is the lower end of its interval, so that few baskets do
not outdo many: ln lift − z / √n, since n is a count.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.ranking.facts import Facts
from app.models.item_artefact import ItemModel

Ints = NDArray[np.int64]

LEAST_TOGETHER: Final = 3.0
"""Baskets that hold both."""
SURPRISING: Final = 10.83
"""2 ln of the likelihood ratio, χ² of one degree of freedom: one time in a thousand by chance."""
Z: Final = 1.2816
"""Below this end of the interval it is in one case of ten."""
_DAMPED: Final = 0.5
"""By which the second best line of a basket counts less than the best, the third than the second: lines of one
basket say much the same."""
_MOST_LINES: Final = 3
_ORDERS: Final = 0
"""Among `signals.ITEM`."""


class Bonds(NamedTuple):
    """(n,) pairs of items that go together: of `first` the `second`; how often as by chance, and the least of it."""

    first: Ints
    second: Ints
    lift: Floats
    least: Floats
    """Of ln lift."""


class Companions(NamedTuple):
    """(n,) items that go with a basket, with which of its items best, and how: `lift` with that one.

    `likely` is ln of the share of baskets that hold the item, and `drawn` what the basket adds.
    """

    items: Ints
    partners: Ints
    lift: Floats
    likely: Floats
    drawn: Floats


def count_baskets(model: ItemModel) -> float:
    """Of what the model was made from; where it does not say, no fewer than there must be."""
    told = model.manifest.get("population", {}).get("baskets")
    return float(told) if told else float(model.ranker.facts.signals[_ORDERS].max(initial=1.0))


def find_bonds(items: Ints, facts: Facts, baskets: float) -> Bonds:
    """Of items with their neighbours in baskets."""
    second = facts.basket.items[items].astype(np.int64).ravel()
    first = np.repeat(items, facts.basket.items.shape[1])
    weights = facts.basket.weights[items].ravel().astype(np.float64)
    orders = facts.signals[_ORDERS]
    one, other = orders[first], orders[second]
    lift, least = weigh_bonds(weights, one, other, baskets)
    holds = ((least > 0.0) & (first != second)).nonzero()[0]
    return Bonds(*(each.take(holds) for each in (first, second, lift, least)))


def weigh_bonds(alike: Floats, one: Floats, other: Floats, baskets: float) -> tuple[Floats, Floats]:
    """(n,) each: the lift of pairs of items that `one` and `other` baskets hold, and the least of its logarithm; 0: it
    may be chance. `alike` is the cosine."""
    both = np.rint(alike * np.sqrt(one * other))
    lift = both * baskets / np.maximum(one * other, 1e-12)
    least = np.log(np.maximum(lift, 1e-12)) - Z / np.sqrt(np.maximum(both, 1.0))
    holds = (both >= LEAST_TOGETHER) & (lift > 1.0) & (least > 0.0)
    places = holds.nonzero()[0]
    if len(places):
        surprise = _surprise(both.take(places), one.take(places), other.take(places), baskets)
        holds[places[surprise < SURPRISING]] = False
    return lift, np.where(holds, least, 0.0)


def _surprise(both: Floats, one: Floats, other: Floats, baskets: float) -> Floats:
    neither = np.maximum(baskets - one - other + both, 0.0)
    seen = np.stack([both, one - both, other - both, neither])
    sides = np.stack([one, one, baskets - one, baskets - one])
    ends = np.stack([other, baskets - other, other, baskets - other])
    expected = sides * ends / baskets
    parts = np.where(seen > 0.0, seen * np.log(np.maximum(seen, 1.0) / np.maximum(expected, 1e-12)), 0.0)
    return np.asarray(2.0 * parts.sum(axis=0))


def find_companions(basket: Ints, model: ItemModel) -> Companions:
    """Of items of the model; those of the basket themselves are none. By item."""
    facts, baskets = model.ranker.facts, count_baskets(model)
    bonds = find_bonds(basket, facts, baskets)
    order = np.lexsort((bonds.first, -bonds.least, bonds.second))
    order = order[~np.isin(bonds.second[order], basket)]
    first, second, lift, least = bonds.first[order], bonds.second[order], bonds.lift[order], bonds.least[order]
    begins = np.flatnonzero(np.append(True, second[1:] != second[:-1])[: len(second)])
    rank = np.arange(len(second)) - np.repeat(begins, np.diff(np.append(begins, len(second))))
    counted = np.where(rank < _MOST_LINES, least * _DAMPED**rank, 0.0)
    drawn = np.add.reduceat(counted, begins) if len(begins) else np.zeros(0)
    likely = np.log(facts.signals[_ORDERS][second[begins]] / baskets)
    return Companions(second[begins], first[begins], lift[begins], likely, np.asarray(drawn))
