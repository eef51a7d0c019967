"""What states say of a customer and an item: the inputs of the ranker, the same in training and at the till.

Pure functions of the arrays of `owned` and `facts`, of one customer or of many one after another. A gap divided by
one's own few gaps ranks worse than plain silence, so rhythms are shrunk to the item's.
"""

from collections.abc import Iterator, Sequence
from threading import local
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.ranking.facts import Facts
from app.lifecycle.ranking.owned import Buyers, Ints, Owned

OWN: Final = (
    *("own_orders", "own_decayed_30d", "own_decayed_120d", "own_share", "own_share_30d", "own_share_120d"),
    *("own_days_since", "own_visits_since", "own_last_gap_days", "own_gap_days", "own_gap_visits"),
    *("own_days_known", "own_days_over_gap"),
)
"""Of the customer's own purchases of the item; what was never bought has 0 of the first six and no rhythm (NaN)."""
NEAR: Final = ("near_basket", "near_last", "near_owners", "near_taste", "near_rising")
"""Of the item and all that the customer has bought: what goes with it, with the last basket, who else buys it; and
what customers who are alike have begun with of late (NaN: the item is not rising)."""
ITEM: Final = (
    *("item_orders", "item_owners", "item_repeat_share", "item_last_orders", "item_recent_share", "item_recent"),
    "item_gap_days",
)
"""Of the item, whoever the customer."""
BUYER: Final = (
    *("buyer_orders", "buyer_basket_items", "buyer_repeat_share", "buyer_last_items", "buyer_items"),
    *("buyer_days_since", "buyer_gap_days"),
)
"""Of the customer, whatever the item."""
SIGNALS: Final = (*OWN, *NEAR, *ITEM, *BUYER)
VERSION: Final = 3
"""Of what the names mean and of how they are binned: raised with each change, so that no older tables are served."""
_AMOUNTS: Final = 6
_SHARES_AT: Final = 3
_GAP_PRIOR: Final = 2.0
"""Gaps of the item that weigh as much as the customer's own ones."""
_USUAL_GAP_DAYS: Final = 14.0
"""A gap that every customer has beside their own, so that one order has a rhythm too."""
_LEAST: Final = 1e-12
_NEVER: Final = np.array([0.0] * _AMOUNTS + [np.nan] * (len(OWN) - _AMOUNTS))[:, None]


class Pairs(NamedTuple):
    """(n,) each: customers, as places among those asked about, and items that may be shown to them.

    `places`: where among the states of `Owned` the item is; their number: it was never bought.
    """

    rows: Ints
    items: Ints
    places: Ints


def make_pairs(owned: Owned, rows: Ints, items: Ints, width: int) -> Pairs:
    """Finds the states of pairs; those of `owned` are by customer and item, of `width` items."""
    keys, wanted = _keys(owned, owned.items, width), items if _is_of_one(owned) else rows * width + items
    if not len(keys):
        return Pairs(rows, items, np.zeros(len(items), np.int64))
    places = keys.searchsorted(wanted)
    places[keys.take(places, mode="clip") != wanted] = len(keys)
    return Pairs(rows, items, places)


def _is_of_one(owned: Owned) -> bool:
    """A single customer: what is of each state's customer needs no array."""
    return len(owned.starts) == 2


def _keys(owned: Owned, items: NDArray[Any], width: int) -> NDArray[Any]:
    """Items of states → places among those of all customers; `items` (m,) or (m, k)."""
    if _is_of_one(owned):
        return items
    begins = owned.rows * width
    return items + (begins[:, None] if items.ndim > 1 else begins)


def pair_signals(pairs: Pairs, owned: Owned, of_buyers: Floats, buyers: Buyers, facts: Facts) -> Floats:
    """(SIGNALS, n), in their order; NaN = unknown. `of_buyers` are `buyer_signals` of all that they own."""
    return np.concatenate(
        [
            own_signals(owned, buyers, facts).take(pairs.places, axis=1),
            near_signals(pairs, owned, buyers, facts),
            facts.signals.take(pairs.items, axis=1),
            of_buyers.take(pairs.rows, axis=1),
        ]
    )


def own_signals(owned: Owned, buyers: Buyers, facts: Facts) -> Floats:
    """(OWN, m + 1): of each state, and last of an item never bought."""
    every, first, visit, short, long = _spread(buyers, owned)
    buyer_gap = _gap_days(every, first, visit)
    last, second = owned.last_age, owned.second_last_age
    span, gaps = owned.first_age - last, owned.orders - 1.0
    block = np.empty((len(OWN), len(last) + 1))
    block[:, -1:] = _NEVER
    of = block[:, :-1]
    of[0], of[1], of[2] = owned.orders, owned.decayed_30d, owned.decayed_120d
    for place, whole in enumerate((every, np.maximum(short, _LEAST), np.maximum(long, _LEAST))):
        np.divide(of[place], whole, of[_SHARES_AT + place])
    of[6] = last
    np.divide(last - visit, buyer_gap, of[7])
    np.subtract(second, last, of[8])
    gap = span / np.maximum(gaps, 1.0)
    gap[gaps <= 0.0] = np.nan
    of[9] = gap
    np.divide(gap, buyer_gap, of[10])
    of[11] = owned.first_age
    shrunk = (span + _GAP_PRIOR * facts.gap_days.take(owned.items)) / (gaps + _GAP_PRIOR)
    np.divide(last, np.maximum(shrunk, 1.0), of[12])
    return block


def _spread(buyers: Buyers, owned: Owned) -> tuple[Any, ...]:
    """What is known of the customer of each state: (m,) each, or a number where all states are of one."""
    if _is_of_one(owned):
        return tuple(float(column[0]) for column in buyers)
    rows = owned.rows
    return tuple(column.take(rows) for column in buyers)


def near_signals(pairs: Pairs, owned: Owned, buyers: Buyers, facts: Facts) -> Floats:
    """(NEAR, n): how near the item is to what the customer buys, weighed by how much, and the product of tastes.

    Near is what is among the neighbours of something bought. `pairs` are those of `owned`, each once.
    """
    width, count = len(facts.factors), len(pairs.items)
    asked = pairs.items if _is_of_one(owned) else pairs.rows * width + pairs.items
    slots = _zeros(len(owned.starts) - 1, width)  # 0: not asked about
    slots[asked] = np.arange(1, count + 1)
    amount = owned.decayed_120d.astype(np.float32)[:, None]
    basket, owners = (
        slots.take(_keys(owned, each.items.take(owned.items, axis=0), width)) for each in (facts.basket, facts.owners)
    )
    risen = _risen(slots, pairs, owned, facts)
    slots[asked] = 0
    with_basket, with_owners = (each.weights.take(owned.items, axis=0) for each in (facts.basket, facts.owners))
    in_last = (owned.last_age == _spread(buyers, owned)[2]).nonzero()[0]
    near = np.empty((len(NEAR), count))
    near[0] = _sum(basket, with_basket * amount, count)
    near[1] = _sum(basket.take(in_last, axis=0), with_basket.take(in_last, axis=0), count)
    near[2] = _sum(owners, with_owners * amount, count)
    factors = facts.factors.take(owned.items, axis=0)
    near[3] = _taste(pairs, owned, factors, facts)
    near[4] = _rising(risen, pairs, owned, factors, facts)
    return near


def _zeros(customers: int, width: int) -> NDArray[np.signedinteger[Any]]:
    """(customers × width,). Of one customer the same ones for each call of a thread, which leaves them as it found
    them: to clear as many as there are items would cost more memory than all that is looked up. Wide ones, which need
    not be widened to be counted; of many customers they would be too many."""
    if customers > 1:
        return np.zeros(customers * width, np.int32)
    zeros: Ints | None = getattr(_KEPT, "zeros", None)
    if zeros is None or len(zeros) < width:
        zeros = np.zeros(width, np.int64)
        if width <= _MOST_KEPT:
            _KEPT.zeros = zeros
    return zeros


_KEPT: Final = local()
_MOST_KEPT: Final = 1_000_000


def _sum(slots: NDArray[np.signedinteger[Any]], weights: NDArray[np.float32], count: int) -> Floats:
    """(count,): of each slot but the first, which stands for all that was not asked about."""
    return np.asarray(np.bincount(slots.ravel(), weights.ravel(), count + 1)[1:], np.float64)


def _taste(pairs: Pairs, owned: Owned, factors: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
    """(n,), by the factors of the states' items: customer by customer, so that one alone comes to the same as among
    many."""
    weights = owned.decayed_30d.astype(np.float32)
    alike = facts.factors.take(pairs.items, axis=0)
    return _products(alike, [np.einsum("i,ij->j", weights[of], factors[of]) for of in _spans(owned)], pairs.rows)


def _products(
    vectors: NDArray[np.float32], of_customers: Sequence[NDArray[np.float32]], rows: Ints
) -> NDArray[np.float32]:
    """(n,): of each vector with that of its customer."""
    if len(of_customers) == 1:
        return np.asarray(np.einsum("ij,j->i", vectors, of_customers[0]))
    return np.asarray(np.einsum("ij,ij->i", vectors, np.stack(of_customers).take(rows, axis=0)))


def _spans(owned: Owned) -> Iterator[slice]:
    """The states of each customer."""
    starts = owned.starts.tolist()
    return map(slice, starts, starts[1:])


def liking(items: Ints, facts: Facts) -> NDArray[np.float32]:
    """(factors,): what a customer likes who has bought these items."""
    return _liking(facts.factors.take(items, axis=0))


def _liking(factors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(factors.sum(axis=0) / np.float32(max(len(factors), 1)) ** 0.5)


def _risen(slots: NDArray[np.signedinteger[Any]], pairs: Pairs, owned: Owned, facts: Facts) -> tuple[Ints, Ints]:
    """(r,) each: places of pairs whose items rise, and those of the items among `facts.rising`."""
    if _is_of_one(owned):  # fewer rise than are to be looked for among those that do
        found = slots.take(facts.rising)
        risen = found.nonzero()[0]
        return found.take(risen).astype(np.int64) - 1, risen
    places = facts.rising.searchsorted(pairs.items)
    known = (facts.rising.take(places, mode="clip") == pairs.items).nonzero()[0] if len(facts.rising) else places[:0]
    return known, places.take(known)


def _rising(
    risen: tuple[Ints, Ints], pairs: Pairs, owned: Owned, factors: NDArray[np.float32], facts: Facts
) -> NDArray[np.float32]:
    """(n,), by the factors of the states' items."""
    near = np.full(len(pairs.items), np.nan, np.float32)
    known, places = risen
    if len(known):
        pulls = facts.pulls.take(places, axis=0)
        near[known] = _products(pulls, [_liking(factors[of]) for of in _spans(owned)], pairs.rows.take(known))
    return near


def _gap_days(orders: Any, first_age: Any, last_age: Any) -> Any:
    return (first_age - last_age + _USUAL_GAP_DAYS) / orders


def buyer_signals(owned: Owned, buyers: Buyers) -> Floats:
    """(BUYER, customers)."""
    if _is_of_one(owned):  # plain numbers are quicker than arrays of one
        orders, first, last = (float(column[0]) for column in buyers[:3])
        in_last = np.count_nonzero(owned.last_age == last)
        told = _told(orders, first, last, float(owned.orders.sum()), in_last, len(owned.items), max)
        return np.array(told)[:, None]
    rows, sizes = owned.rows, owned.sizes
    lines = np.bincount(rows, weights=owned.orders, minlength=len(sizes))
    of_last = np.bincount(rows[owned.last_age == buyers.last_age[rows]], minlength=len(sizes))
    return np.stack(_told(*buyers[:3], lines, of_last, sizes, np.maximum))


def _told(orders: Any, first: Any, last: Any, lines: Any, in_last: Any, items: Any, most: Any) -> list[Any]:
    return [
        orders,
        lines / most(orders, 1.0),
        1.0 - items / most(lines, 1.0),
        in_last,
        items,
        last,
        _gap_days(orders, first, last),
    ]
