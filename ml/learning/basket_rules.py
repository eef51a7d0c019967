"""What the ranker of items is measured against: one-line rules, and the two published methods that beat the networks.

TIFU-KNN: Hu et al., "Modeling Personalized Item Frequency Information for Next-basket Recommendation", SIGIR 2020.
UP-CF: Faggioli, Polato, Aiolli, "Recency Aware Collaborative Filtering for Next Basket Recommendation", UMAP 2020.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from ml.data.baskets import Baskets, Floats, Ints
from ml.learning.digest import Digest

Scorer = Callable[[Ints], Floats]
"""Customers → (customers, items); −inf: never shown."""

_DECAY: Final = 0.95
"""Weight of a basket for each that came after it."""
_POPULARITY_WEIGHT: Final = 2.0
_TIFU_GROUP: Final = 7
_TIFU_WITHIN: Final = 0.9
_TIFU_BETWEEN: Final = 0.7
_TIFU_OWN: Final = 0.7
_TIFU_NEIGHBOURS: Final = 300
"""Those that its authors found for Ta-Feng."""

_UPCF_BASKETS: Final = 10
_UPCF_POWER: Final = 2
_UPCF_ASYMMETRY: Final = 0.5
"""The best of ten pairs on a quarter of Ta-Feng's targets: a comparator is to be as good as it can be."""


def rules(known: Digest) -> Mapping[str, Scorer]:
    """The comparators, learned from one history."""
    baskets = known.baskets
    number = baskets.last_baskets() + 1
    orders = np.bincount(baskets.items, minlength=known.width)
    popularity = orders / max(float(orders.max()), 1.0)
    ages = (number - 1)[baskets.customers] - baskets.baskets
    count, decayed = (_matrix(baskets, np.asarray(weight**ages, np.float64)) for weight in (1.0, _DECAY))
    return {
        "popular": lambda customers: np.tile(popularity, (len(customers), 1)),
        "personal_frequency": lambda customers: _own_alone(count[customers].toarray()),
        "personal_frequency_filled": lambda customers: count[customers].toarray() + popularity / 2,
        "decayed_and_popular": lambda customers: decayed[customers].toarray() + _POPULARITY_WEIGHT * popularity,
        "tifu_knn": _tifu_knn(baskets, number).score,
        "up_cf": _up_cf(baskets, number).score,
    }


def _matrix(baskets: Baskets, values: Floats) -> sparse.csr_matrix:
    """(lines,) → (customers, items), summed."""
    shape = (len(baskets.customer_ids), len(baskets.item_ids))
    return sparse.csr_matrix((values, (baskets.customers, baskets.items)), shape=shape)


def _own_alone(counts: Floats) -> Floats:
    return np.where(counts > 0, counts, -np.inf)


@dataclass(frozen=True, slots=True)
class _TifuKnn:
    vectors: sparse.csr_matrix

    def score(self, customers: Ints) -> Floats:
        """Own frequencies and the mean of the nearest customers' (by Euclidean distance), weighed."""
        own = self.vectors[customers]
        squares = self.vectors.multiply(self.vectors).sum(axis=1).A1
        distances = squares[None, :] - 2.0 * (own @ self.vectors.T).toarray()
        distances[np.arange(len(customers)), customers] = np.inf
        count = min(_TIFU_NEIGHBOURS, distances.shape[1] - 1)
        nearest = np.argpartition(distances, max(count - 1, 0), axis=1)[:, :count]
        chosen = sparse.csr_matrix(
            (np.full(nearest.size, 1.0 / max(count, 1)), nearest.ravel(), np.arange(len(customers) + 1) * count),
            shape=distances.shape,
        )
        return np.asarray(_TIFU_OWN * own.toarray() + (1 - _TIFU_OWN) * (chosen @ self.vectors).toarray())


def _tifu_knn(baskets: Baskets, number: Ints) -> _TifuKnn:
    """Baskets in groups of seven, the oldest group the smaller; decayed within groups and between them."""
    ages = (number - 1)[baskets.customers] - baskets.baskets
    group, within = ages // _TIFU_GROUP, ages % _TIFU_GROUP
    groups = -(-number // _TIFU_GROUP)[baskets.customers]
    size = np.minimum(number[baskets.customers] - group * _TIFU_GROUP, _TIFU_GROUP)
    weight = _TIFU_WITHIN**within / size * _TIFU_BETWEEN**group / groups
    shape = (len(number), len(baskets.item_ids))
    return _TifuKnn(sparse.csr_matrix((weight, (baskets.customers, baskets.items)), shape=shape))


@dataclass(frozen=True, slots=True)
class _UpCf:
    popularity: sparse.csr_matrix
    """(customers, items): the share of the last baskets with the item."""
    owned: sparse.csr_matrix

    def score(self, customers: Ints) -> Floats:
        """What customers buy who own much of what one owns (asymmetric cosine, to a power), themselves included."""
        sizes = np.asarray(self.owned.sum(axis=1)).ravel()
        shared = (self.owned[customers] @ self.owned.T).tocsr()
        own = np.repeat(sizes[customers], np.diff(shared.indptr)) ** _UPCF_ASYMMETRY
        theirs = sizes[shared.indices] ** (1 - _UPCF_ASYMMETRY)
        shared.data = (shared.data / (own * theirs)) ** _UPCF_POWER
        return np.asarray((shared @ self.popularity).toarray())


def _up_cf(baskets: Baskets, number: Ints) -> _UpCf:
    shape = (len(number), len(baskets.item_ids))
    ages = (number - 1)[baskets.customers] - baskets.baskets
    late = ages < _UPCF_BASKETS
    weight = 1.0 / np.minimum(number, _UPCF_BASKETS)[baskets.customers[late]]
    popularity = sparse.csr_matrix((weight, (baskets.customers[late], baskets.items[late])), shape=shape)
    owned = sparse.csr_matrix((np.ones(len(ages)), (baskets.customers, baskets.items)), shape=shape)
    owned.data[:] = 1.0
    return _UpCf(popularity, owned)
