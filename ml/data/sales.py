"""What recommendations are learned from: one history, as baskets and as purchases with their times."""

from pathlib import Path
from typing import NamedTuple

import duckdb
from sqlalchemy.ext.asyncio import AsyncEngine

from ml.data.baskets import Baskets, Say, collect_baskets, load_baskets
from ml.data.database import load_order_items
from ml.data.engines import DUCKDB, Engine
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.kept_lines import keep_lines
from ml.data.purchases import Purchases, collect_kept


class Sales(NamedTuple):
    """`purchases` None: baskets are numbered, without times."""

    baskets: Baskets
    purchases: Purchases | None


def read_sales(
    path: Path, say: Say, reading: FileReading = AS_IT_IS, currency: str = "CNY", engine: Engine = DUCKDB
) -> Sales:
    """Of a file of orders or of numbered baskets, which are taken as they are. Raises UnusableTransactions."""
    with duckdb.connect() as connection:
        if load_baskets(connection, path, say, reading, currency, engine):
            return Sales(collect_baskets(connection), None)
        return _collect(connection)


async def load_sales(database: AsyncEngine, simulated: bool, engine: Engine = DUCKDB) -> Sales | None:
    """Of the database's real orders, or of the demo shop's; None: there are none with items.

    Raises UnusableTransactions where all was given back.
    """
    with duckdb.connect() as connection:
        if not await load_order_items(database, connection, simulated):
            return None
        keep_lines(connection, engine)
        return _collect(connection)


def _collect(connection: duckdb.DuckDBPyConnection) -> Sales:
    """Of the table `kept`: the same lines, once by item and once by basket."""
    purchases = collect_kept(connection)
    ids = (purchases.customer_ids, purchases.item_ids)
    return Sales(Baskets.of_lines(*ids, purchases.customers, purchases.items, purchases.days), purchases)
