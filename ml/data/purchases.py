"""Purchases of items with their times and units: by whom, of what category, in which store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from ml.data.baskets import Floats, Ints, Say
from ml.data.columns import UnusableTransactions
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.kept_lines import KEPT, keep_lines, lay_out_file


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

    def before(self, day: float) -> "Purchases":
        """Those of before a day; the very same where all are."""
        wanted = self.days < day
        return self if wanted.all() else self.keep(wanted)

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


def read_purchases(path: Path, say: Say, reading: FileReading = AS_IT_IS, currency: str = "CNY") -> Purchases:
    """Of a file of transactions with items. Raises UnusableTransactions."""
    with duckdb.connect() as connection:
        reading.load(connection, path, source="baskets", currency=currency, say=say)
        lay_out_file(connection)
        keep_lines(connection)
        try:
            return collect_kept(connection)
        except UnusableTransactions as error:
            raise UnusableTransactions(f"{path.name} tells of no items.") from error


def collect_kept(connection: duckdb.DuckDBPyConnection) -> Purchases:
    """Of the table KEPT of `ml.data.kept_lines`. Texts stay in the engine: what comes out of it is their places. Raises
    UnusableTransactions where it is empty."""
    ids = {}
    for name in _CODED:
        of_none = "UNION SELECT ''" if name == "category" else ""
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name}_codes AS SELECT {name}, row_number() OVER (ORDER BY {name}) - 1 AS"
            f" code FROM (SELECT DISTINCT {name} FROM {KEPT} {of_none})"
        )
        texts = connection.execute(f"SELECT {name} FROM {name}_codes ORDER BY code").fetchnumpy()[name]
        ids[name] = np.ma.getdata(texts).astype(str)
    columns = connection.execute(_CODES_SQL).fetchnumpy()
    coded = [_Coded(ids[name], np.asarray(np.ma.getdata(columns[name]), np.int64)) for name in _CODED]
    occurred_us, quantities = (np.asarray(np.ma.getdata(columns[name]), np.float64) for name in _NUMBERS)
    if not len(occurred_us):
        raise UnusableTransactions("There is nothing that was bought and kept.")
    return _gather(coded, occurred_us, quantities, slice(None))  # the engine has sorted them


class _Coded(NamedTuple):
    """Texts, ascending, and (n,) places in them."""

    ids: NDArray[np.str_]
    places: Ints


_CODED: Final = ("customer", "item", "category", "store")
_NUMBERS: Final = ("occurred_us", "quantity")
_CODES_SQL: Final = f"""
SELECT {", ".join(f"{name}_codes.code AS {name}" for name in _CODED)}, {", ".join(_NUMBERS)}
FROM {KEPT} {" ".join(f"JOIN {name}_codes USING ({name})" for name in _CODED)}
ORDER BY customer, item, occurred_us, store, quantity
"""


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
    category_ids, category = np.unique(np.append("", categories), return_inverse=True)
    customer, item, store = (_Coded(*np.unique(each, return_inverse=True)) for each in (customers, items, stores))
    order = np.lexsort((occurred_us, item.places, customer.places))
    return _gather([customer, item, _Coded(category_ids, category[1:]), store], occurred_us, quantities, order)


def _gather(coded: Sequence[_Coded], occurred_us: Floats, quantities: Floats, order: Ints | slice) -> Purchases:
    """`coded` as _CODED names them; `order` brings lines by customer, item and time."""
    customer, item, category, store = (each.places for each in coded)
    customer_ids, item_ids, category_ids, store_ids = (each.ids for each in coded)
    customer_of, item_of, us = customer[order], item[order], occurred_us[order]
    is_new = np.append(True, (np.diff(customer_of) != 0) | (np.diff(item_of) != 0) | (np.diff(us) != 0))[: len(us)]
    starts = np.flatnonzero(is_new)
    return Purchases(
        customer_ids,
        item_ids,
        category_ids,
        store_ids,
        _name_most(item, category, len(item_ids), len(category_ids)),
        customer_of[starts],
        item_of[starts],
        us[starts] / DAY_US,
        np.add.reduceat(quantities[order], starts),
        store[order][starts],
    )


def _name_most(items: Ints, categories: Ints, width: int, kinds: int) -> Ints:
    """(items,): of each the category that most of its lines name; of several the first."""
    pairs, counts = np.unique(items * kinds + categories, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs // kinds))
    of_item = pairs[order] // kinds
    first = np.searchsorted(of_item, np.arange(width))
    return np.asarray(pairs[order][first] % kinds)
