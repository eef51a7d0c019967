"""What states say of a customer and an item: the inputs of the ranker, the same in training and at the till.

Pure functions of the arrays of `owned` and `facts`, of one customer or of many one after another. A gap divided by
one's own few gaps ranks worse than plain silence, so rhythms are shrunk to the item's.
"""

from typing import Final, NamedTuple

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


def pair_signals(pairs: Pairs, owned: Owned, buyers: Buyers, facts: Facts) -> Floats:
    """(SIGNALS, n), in their order; NaN = unknown."""
    return np.concatenate(
        [
            own_signals(owned, buyers, facts).take(pairs.places, axis=1),
            near_signals(pairs, owned, buyers, facts),
            facts.signals.take(pairs.items, axis=1),
            buyer_signals(owned, buyers).take(pairs.rows, axis=1),
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
    rows, width, customers = owned.rows, len(facts.factors), len(owned.starts) - 1
    amount, last = np.zeros(customers * width), np.zeros(customers * width)
    places = rows * width + owned.items
    amount[places] = owned.decayed_120d
    last[places] = owned.last_age == buyers.last_age[rows]
    weighed = facts.factors[owned.items] * owned.decayed_30d[:, None]
    taste = np.add.reduceat(np.concatenate([weighed, np.zeros((1, weighed.shape[1]))]), owned.starts[:-1])
    taste[owned.sizes == 0] = 0.0
    begins = (pairs.rows * width)[:, None]
    basket, owners = begins + facts.basket.items[pairs.items], begins + facts.owners.items[pairs.items]
    weights = facts.basket.weights[pairs.items]
    return np.stack(
        [
            _dot(amount.take(basket), weights),
            _dot(last.take(basket), weights),
            _dot(amount.take(owners), facts.owners.weights[pairs.items]),
            _dot(taste[pairs.rows], facts.factors[pairs.items]),
        ]
    )


def _dot(one: Floats, other: NDArray[np.float32]) -> Floats:
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
