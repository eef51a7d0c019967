"""Purchases of items with their times and units: by whom, of what category, in which store."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from ml.data.baskets import Floats, Ints, Say
from ml.data.columns import UnusableTransactions
from ml.data.transactions import AS_TOLD, load_orders


@dataclass(frozen=True, slots=True)
class Purchases:
    """(n,) each, by customer, item and time: an item of an order once.

    `customers`, `items` and `stores` are places in their ids; `days` since 1970 UTC; `quantities` > 0, less what was
    taken off in the order itself. `categories` (items,) are places in `category_ids`, the first of which is unknown.
    """

    customer_ids: NDArray[np.str_]
    item_ids: NDArray[np.str_]
    category_ids: NDArray[np.str_]
    store_ids: NDArray[np.str_]
    categories: Ints
    customers: Ints
    items: Ints
    days: Floats
    quantities: Floats
    stores: Ints

    def keep(self, wanted: NDArray[np.bool_]) -> "Purchases":
        """Of the purchases those that are wanted."""
        return replace(
            self,
            customers=self.customers[wanted],
            items=self.items[wanted],
            days=self.days[wanted],
            quantities=self.quantities[wanted],
            stores=self.stores[wanted],
        )

    def starts(self) -> Ints:
        """Where the purchases of a (customer, item) begin."""
        is_other = (np.diff(self.customers) != 0) | (np.diff(self.items) != 0)
        return np.flatnonzero(np.append(len(self.days) > 0, is_other)) if len(self.days) else np.zeros(0, np.int64)

    def as_orders(self) -> "Purchases":
        """The same with one item, the shop: an order once, its units 1."""
        order = np.lexsort((self.days, self.customers))
        customers, days = self.customers[order], self.days[order]
        is_new = np.append(True, (np.diff(customers) != 0) | (np.diff(days) != 0))[: len(days)]
        kept = order[is_new]
        nothing = np.zeros(len(kept), np.int64)
        return Purchases(
            self.customer_ids,
            np.array([SHOP]),
            self.category_ids[:1],
            self.store_ids,
            np.zeros(1, np.int64),
            self.customers[kept],
            nothing,
            self.days[kept],
            np.ones(len(kept)),
            self.stores[kept],
        )


SHOP: Final = "shop"
"""The item of purchases that are whole orders."""


def read_purchases(path: Path, timezone: str, say: Say) -> Purchases:
    """Of a file of transactions with items. Raises UnusableTransactions."""
    with duckdb.connect() as connection:
        load_orders(connection, path, source="baskets", timezone=timezone, reading=AS_TOLD, say=say)
        columns = connection.execute(_LINES_SQL).fetchnumpy()
    texts = {name: np.ma.filled(columns[name], "").astype(str) for name in ("customer", "item", "category", "store")}
    occurred_us, quantities = (np.asarray(np.ma.getdata(columns[name]), np.float64) for name in _NUMBERS)
    if not len(columns["occurred_us"]):
        raise UnusableTransactions(f"{path.name} tells of no items.")
    return collect_purchases(
        texts["customer"], texts["item"], occurred_us, quantities, texts["category"], texts["store"]
    )


_NUMBERS: Final = ("occurred_us", "quantity")
_LINES_SQL: Final = """
WITH kept AS (
    SELECT customer_id, order_id, item_id, max(category) AS category, max(store) AS store,
           sum(CASE WHEN is_return THEN -coalesce(quantity, 1) ELSE coalesce(quantity, 1) END) AS quantity
    FROM lines WHERE item_id IS NOT NULL GROUP BY ALL HAVING quantity > 0)
SELECT customer_id AS customer, item_id AS item, e.occurred_us, kept.quantity,
       coalesce(kept.category, '') AS category, coalesce(kept.store, '') AS store
FROM events e JOIN kept USING (customer_id, order_id)
WHERE e.type = 'order.completed'
"""
"""What was brought back in another order was bought in this."""


def collect_purchases(
    customers: NDArray[np.str_],
    items: NDArray[np.str_],
    occurred_us: Floats,
    quantities: Floats,
    categories: NDArray[np.str_],
    stores: NDArray[np.str_],
) -> Purchases:
    """Of lines, (n,) each; '' stands for no category and for no store. Lines of one item and moment are one purchase.

    An item is of the category that most of its lines name.
    """
    customer_ids, customer = np.unique(customers, return_inverse=True)
    item_ids, item = np.unique(items, return_inverse=True)
    category_ids, category = np.unique(np.append("", categories), return_inverse=True)
    store_ids, store = np.unique(stores, return_inverse=True)
    order = np.lexsort((occurred_us, item, customer))
    customer_of, item_of, us = customer[order], item[order], occurred_us[order]
    is_new = np.append(True, (np.diff(customer_of) != 0) | (np.diff(item_of) != 0) | (np.diff(us) != 0))
    starts = np.flatnonzero(is_new)
    named = np.bincount(item * len(category_ids) + category[1:], minlength=len(item_ids) * len(category_ids))
    return Purchases(
        customer_ids,
        item_ids,
        category_ids,
        store_ids,
        named.reshape(len(item_ids), -1).argmax(axis=1),
        customer_of[starts],
        item_of[starts],
        us[starts] / DAY_US,
        np.add.reduceat(quantities[order], starts),
        store[order][starts],
    )
