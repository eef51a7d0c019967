"""Items with scores, each the sum of named terms, on their way to being chosen from."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats

Ints = NDArray[np.int64]

TERMS: Final = (
    *("base", "habit", "rhythm", "companions", "popularity", "customer", "interplay", "calibration"),
    *("substitute", "shown", "boost"),
)
"""What scores are the sum of, all logarithms: of the item and the customer by subject, and what comes to it last."""
AT: Final = {name: place for place, name in enumerate(TERMS)}
_GAP: Final = 3.0
"""By how much a pool stands behind the one before it, so that a variety of categories does not mix them."""


class Pool(NamedTuple):
    """(n,) numbered items, each once, and (n, TERMS) what their scores are the sum of. The first of equal ones wins.

    `sources` are places among the pools that were put one behind the other.
    """

    items: Ints
    terms: Floats
    sources: Ints

    @property
    def scores(self) -> Floats:
        """(n,)."""
        return np.asarray(self.terms.sum(axis=1))

    def some(self, which: NDArray[np.bool_] | Ints) -> "Pool":
        """Those at some places."""
        return Pool(self.items[which], self.terms[which], self.sources[which])


def make_pool(items: Ints, **terms: Floats | float) -> Pool:
    """A pool of terms by their names; those not named are 0."""
    whole = np.zeros((len(items), len(TERMS)))
    for name, values in terms.items():
        whole[:, AT[name]] = values
    return Pool(items, whole, np.zeros(len(items), np.int64))


NOTHING: Final = make_pool(np.arange(0))


def by_order(items: Ints) -> Pool:
    """Items in the order in which they sell: as in Zipf's law the n-th counts for 1/n."""
    return make_pool(items, popularity=-np.log(1.0 + np.arange(len(items))))


def are_among(items: Ints, others: Ints) -> NDArray[np.bool_]:
    """(n,): of each item whether it is one of the others, of which there are some."""
    ascending = np.sort(others)
    return np.asarray(ascending.take(ascending.searchsorted(items), mode="clip") == items)


def stack(pools: Sequence[Pool]) -> Pool:
    """One behind the other: what is in an earlier one is not taken from a later one, whose scores are lowered by a
    constant (`base`) below those of the earlier one."""
    stacked = NOTHING
    for source, pool in enumerate(pools):
        if len(stacked.items):
            pool = pool.some(~are_among(pool.items, stacked.items))
        if not len(pool.items):
            continue
        if not len(stacked.items):
            stacked = pool._replace(sources=np.full(len(pool.items), source))
            continue
        terms = pool.terms.copy()
        terms[:, AT["base"]] += min(stacked.scores.min() - _GAP - pool.scores.max(), 0.0)
        stacked = Pool(
            np.concatenate([stacked.items, pool.items]),
            np.concatenate([stacked.terms, terms]),
            np.concatenate([stacked.sources, np.full(len(pool.items), source)]),
        )
    return stacked
