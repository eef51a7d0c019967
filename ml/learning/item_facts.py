"""What all customers' baskets say of items: who goes with whom, how often, of what taste."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from app.lifecycle.ranking.candidates import MOST_OWN
from app.lifecycle.ranking.facts import Facts, Neighbours
from app.lifecycle.ranking.owned import Buyers, Owned
from ml.data.baskets import Baskets, Floats, Ints
from ml.learning.neighbours import nearest_rows

RECENT_DAYS: Final = 30.0
_NEIGHBOURS: Final = 24
_FACTORS: Final = 64
_POPULAR: Final = 40
_RISING: Final = 1_500
_BEGUN_HALF_LIFE_DAYS: Final = 20.0
_PULL_PRIOR: Final = 0.5
"""Of the mean strength of the factors, by which pulls are shrunk."""
_MOST_CUSTOMERS: Final = 50_000
_SEED: Final = 7
_REPEAT_PRIOR: Final = 5.0
_REPEAT_SHARE: Final = 0.1
_RECENT_PRIOR: Final = 3.0
_GAP_PRIOR: Final = 2.0


def make_facts(baskets: Baskets, ages: Floats, owned: Owned, buyers: Buyers) -> Facts:
    """Of a history, whose lines are so old: (lines,) days."""
    width = len(baskets.item_ids)
    orders, owners = _count(baskets.items, width), _count(owned.items, width)
    repeated = _count(owned.items[owned.orders > 1], width)
    recent = _count(baskets.items[ages <= RECENT_DAYS], width) / (orders + _RECENT_PRIOR)
    last = _count(owned.items[owned.last_age == buyers.last_age[owned.rows]], width)
    gap_days = _gap_days(owned, width)
    repeat = (repeated + _REPEAT_SHARE * _REPEAT_PRIOR) / (owners + _REPEAT_PRIOR)
    popular = np.argsort(-(orders * (1.0 + recent)), kind="stable")[: min(_POPULAR, np.count_nonzero(orders))]
    begun = np.bincount(owned.items, 2.0 ** (-owned.first_age / _BEGUN_HALF_LIFE_DAYS), width)
    rising = np.sort(np.argsort(-begun, kind="stable")[: min(_RISING, np.count_nonzero(begun))]).astype(np.int64)
    some = _draw_customers(owned)
    factors = _factors(some, orders)
    return Facts(
        np.stack([orders, owners, repeat, last, recent, recent * orders, gap_days]),
        _neighbours(nearest_rows(_by_basket(baskets), _NEIGHBOURS)),
        _neighbours(nearest_rows(sparse.csr_matrix(_matrix(some, np.ones_like(some.orders), width).T), _NEIGHBOURS)),
        factors,
        popular.astype(np.int64),
        rising,
        _pulls(some, factors, rising),
        gap_days,
    )


def _draw_customers(owned: Owned) -> Owned:
    """All of them, or as many as say enough of who buys what: the pairs of their items are what takes time."""
    known = np.flatnonzero(owned.sizes)
    if len(known) <= _MOST_CUSTOMERS:
        return owned
    return owned.of_customers(np.sort(np.random.default_rng(_SEED).choice(known, _MOST_CUSTOMERS, replace=False)))


def _count(items: Ints, width: int) -> Floats:
    return np.bincount(items, minlength=width).astype(np.float64)


def _matrix(owned: Owned, values: Floats, width: int) -> sparse.csr_matrix:
    """(states,) → (customers, items)."""
    return sparse.csr_matrix(
        (values.astype(np.float32), owned.items, owned.starts), shape=(len(owned.starts) - 1, width)
    )


def _by_basket(baskets: Baskets) -> sparse.csr_matrix:
    """(items, baskets): which baskets an item was in."""
    is_new = np.append(True, (np.diff(baskets.customers) != 0) | (np.diff(baskets.baskets) != 0))
    basket = np.cumsum(is_new) - 1
    shape = (len(baskets.item_ids), int(basket[-1]) + 1)
    return sparse.csr_matrix((np.ones(len(basket), np.float32), (baskets.items, basket)), shape=shape)


def _neighbours(nearest: sparse.csr_matrix) -> Neighbours:
    """Of one width: an item that has fewer is its own neighbour, of no weight."""
    sizes = np.diff(nearest.indptr)
    width = max(int(sizes.max(initial=0)), 1)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    places = np.arange(nearest.nnz) - nearest.indptr[rows]
    items = np.repeat(np.arange(len(sizes), dtype=np.int32)[:, None], width, axis=1)
    weights = np.zeros(items.shape, np.float32)
    items[rows, places], weights[rows, places] = nearest.indices, nearest.data
    return Neighbours(items, weights)


def _factors(owned: Owned, orders: Floats) -> NDArray[np.float32]:
    """Of what customers bought of late, each customer alike and few-bought items more: the strongest directions."""
    bought = _matrix(owned, owned.decayed_30d / np.sqrt(orders[owned.items] + 1.0), len(orders))
    lengths = np.sqrt(bought.multiply(bought).sum(axis=1)).A1
    unit = sparse.csr_matrix(sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ bought)
    with threadpool_limits(1):
        *_, directions = randomized_svd(unit, min(_FACTORS, *unit.shape), n_iter=4, random_state=0)
    return np.ascontiguousarray(directions.T, np.float32)


def _pulls(owned: Owned, factors: NDArray[np.float32], rising: Ints) -> NDArray[np.float32]:
    """What customers have begun with of late, by what they like: ridge regression on their likings."""
    width, strong = len(factors), owned.strongest(MOST_OWN)
    each = 1.0 / np.sqrt(np.maximum(strong.sizes, 1.0))
    likings = np.asarray(_matrix(strong, each[strong.rows], width) @ factors, np.float64)
    begun = _matrix(owned, 2.0 ** (-owned.first_age / _BEGUN_HALF_LIFE_DAYS), width).tocsc()[:, rising]
    alike = likings.T @ likings
    prior = _PULL_PRIOR * np.trace(alike) / len(alike) * np.eye(len(alike))
    return np.ascontiguousarray(np.linalg.solve(alike + prior, (begun.T @ likings).T).T, np.float32)


def _gap_days(owned: Owned, width: int) -> Floats:
    """(items,): mean days between two purchases of one customer; where nobody has bought twice, of all items."""
    span, number = (
        np.bincount(owned.items, values, width) for values in (owned.first_age - owned.last_age, owned.orders - 1.0)
    )
    everybody = span.sum() / max(number.sum(), 1.0)
    return np.asarray((span + _GAP_PRIOR * everybody) / (number + _GAP_PRIOR))
