"""What states say of a customer and an item: the inputs of the ranker, the same in training and at the till.

Pure functions of the arrays of `owned` and `facts`, of one customer or of many one after another. A gap divided by
one's own few gaps ranks worse than plain silence, so rhythms are shrunk to the item's.
"""

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
NEAR: Final = ("near_basket", "near_last", "near_owners", "near_taste")
"""Of the item and all that the customer has bought: what goes with it, with the last basket, who else buys it."""
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
VERSION: Final = 1
"""Of what the names mean: raised whenever a formula or a constant below changes, so that no older tables are served."""
_AMOUNTS: Final = 6
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
    keys, wanted = owned.rows * width + owned.items, rows * width + items
    places = keys.searchsorted(wanted)
    is_own = np.append(keys, -1).take(places) == wanted
    return Pairs(rows, items, np.where(is_own, places, len(keys)))


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
    rows, last = owned.rows, owned.last_age
    every, short, long, visit, buyer_gap = np.stack(
        [
            buyers.orders,
            np.maximum(buyers.decayed_30d, _LEAST),
            np.maximum(buyers.decayed_120d, _LEAST),
            buyers.last_age,
            _gap_days(buyers),
        ]
    ).take(rows, axis=1)
    span, gaps = owned.first_age - last, owned.orders - 1.0
    gap = np.where(gaps > 0.0, span / np.maximum(gaps, 1.0), np.nan)
    shrunk = (span + _GAP_PRIOR * facts.gap_days[owned.items]) / (gaps + _GAP_PRIOR)
    block = np.empty((len(OWN), len(last) + 1))
    block[:, :-1] = (
        owned.orders,
        owned.decayed_30d,
        owned.decayed_120d,
        owned.orders / every,
        owned.decayed_30d / short,
        owned.decayed_120d / long,
        last,
        (last - visit) / buyer_gap,
        owned.second_last_age - last,
        gap,
        gap / buyer_gap,
        owned.first_age,
        last / np.maximum(shrunk, 1.0),
    )
    block[:, -1:] = _NEVER
    return block


def near_signals(pairs: Pairs, owned: Owned, buyers: Buyers, facts: Facts) -> Floats:
    """(NEAR, n): neighbours of the item that the customer buys, weighed by how much, and the product of tastes."""
    rows, width, states = owned.rows, len(facts.factors), len(owned.items)
    slots = np.zeros((len(owned.starts) - 1) * width, np.int32)  # 0: never bought
    slots[rows * width + owned.items] = np.arange(1, states + 1)
    amount, last = np.zeros(states + 1, np.float32), np.zeros(states + 1, np.float32)
    amount[1:], last[1:] = owned.decayed_120d, owned.last_age == buyers.last_age[rows]
    basket, owners = (
        (slots.take(_shift(each.items.take(pairs.items, axis=0), pairs, width)), each.weights.take(pairs.items, axis=0))
        for each in (facts.basket, facts.owners)
    )
    near = np.empty((len(NEAR), len(pairs.items)))
    near[0], near[1] = _dot(amount.take(basket[0]), basket[1]), _dot(last.take(basket[0]), basket[1])
    near[2] = _dot(amount.take(owners[0]), owners[1])
    near[3] = _dot(_tastes(owned, facts).take(pairs.rows, axis=0), facts.factors.take(pairs.items, axis=0))
    return near


def _tastes(owned: Owned, facts: Facts) -> NDArray[np.float32]:
    """(customers, factors): customer by customer, so that one alone comes to the same as among many."""
    weights, factors = owned.decayed_30d.astype(np.float32), facts.factors.take(owned.items, axis=0)
    spans = zip(owned.starts[:-1].tolist(), owned.starts[1:].tolist(), strict=True)
    return np.stack([weights[begin:end] @ factors[begin:end] for begin, end in spans])


def _shift(items: NDArray[np.int32], pairs: Pairs, width: int) -> NDArray[Any]:
    """Items → places among those of all customers."""
    return items + (pairs.rows * width)[:, None] if pairs.rows.any() else items


def _dot(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, k) × (n, k) → (n,)."""
    return np.asarray(np.einsum("ij,ij->i", one, other))


def _gap_days(buyers: Buyers) -> Floats:
    return np.asarray((buyers.first_age - buyers.last_age + _USUAL_GAP_DAYS) / buyers.orders)


def buyer_signals(owned: Owned, buyers: Buyers) -> Floats:
    """(BUYER, customers)."""
    rows, sizes = owned.rows, owned.sizes
    lines = np.bincount(rows, weights=owned.orders, minlength=len(sizes))
    in_last = np.bincount(rows[owned.last_age == buyers.last_age[rows]], minlength=len(sizes))
    return np.stack(
        [
            buyers.orders,
            lines / np.maximum(buyers.orders, 1.0),
            1.0 - sizes / np.maximum(lines, 1.0),
            in_last,
            sizes,
            buyers.last_age,
            _gap_days(buyers),
        ]
    )
