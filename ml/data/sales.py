"""What recommendations are learned from: one history, as baskets and as purchases with their times."""

from pathlib import Path
from typing import NamedTuple

import duckdb
from sqlalchemy.ext.asyncio import AsyncEngine

from ml.data.baskets import Baskets, Say, collect_baskets, collect_orders, load_baskets
from ml.data.database import load_order_items
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.purchases import Purchases, collect_lines, collect_order_items


class Sales(NamedTuple):
    """`purchases` None: baskets are numbered, without times."""

    baskets: Baskets
    purchases: Purchases | None


def read_sales(path: Path, say: Say, reading: FileReading = AS_IT_IS, currency: str = "CNY") -> Sales:
    """Of a file of orders or of numbered baskets. Raises UnusableTransactions."""
    with duckdb.connect() as connection:
        is_numbered = load_baskets(connection, path, say, reading, currency)
        return Sales(collect_baskets(connection), None if is_numbered else collect_lines(connection))


async def load_sales(engine: AsyncEngine, simulated: bool) -> Sales | None:
    """Of the database's real orders, or of the demo shop's; None: there are none with items.

    Raises UnusableTransactions where all was given back.
    """
    with duckdb.connect() as connection:
        if not await load_order_items(engine, connection, simulated):
            return None
        return Sales(collect_orders(connection), collect_order_items(connection))
