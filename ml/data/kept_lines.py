"""What customers kept of their orders, item by item: one expression for every engine.

Whoever learns from a file or from the database, with DuckDB or with Spark, takes it from here.
"""

from typing import Final

import duckdb
import ibis
import ibis.expr.types as ir

from app.lifecycle.events import ORDER_COMPLETED, ORDER_REFUNDED
from ml.data.engines import DUCKDB, Derived, Engine

LINES: Final = "order_items"
"""The table of lines."""
_TEXTS: Final = ("customer_id", "type", "order_id", "item_id", "category", "store")
_SCHEMA: Final = ibis.schema(dict.fromkeys(_TEXTS, "string") | {"occurred_us": "int64", "quantity": "float64"})
KEPT: Final = "kept"
_NOTHING: Final = 1e-9
"""Units that are none: of weights, what sums of floats leave of what was given back whole, whatever their order."""


def keep_lines(connection: duckdb.DuckDBPyConnection, engine: Engine = DUCKDB) -> None:
    """Makes the table KEPT of LINES, as `kept_of` has it; the engine does the sums."""
    engine.derive(connection, KEPT, Derived(LINES, _SCHEMA, kept_of))


def kept_of(lines: ir.Table) -> ir.Table:
    """A row of each customer, order and item, less what was given back of it in whatever order of events.

    `customer`, `item`, `occurred_us` of the order, `quantity` > 0, and `category` and `store`, '' where none is told.
    """
    is_sold = lines.type == ORDER_COMPLETED
    summed = lines.group_by("customer_id", "order_id", "item_id").aggregate(
        category=lines.category.max().fill_null(""),
        store=lines.store.max(where=is_sold).fill_null(""),
        sold_us=lines.occurred_us.min(where=is_sold),
        quantity=is_sold.ifelse(lines.quantity, -lines.quantity).sum(),
    )
    order = ibis.window(group_by=("customer_id", "order_id"))
    timed = summed.mutate(occurred_us=summed.sold_us.min().over(order))
    return timed.filter(timed.quantity > _NOTHING, timed.occurred_us.notnull()).select(
        "occurred_us", "quantity", "category", "store", customer="customer_id", item="item_id"
    )


def lay_out_file(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes LINES of the table `lines` of a file (`ml.data.transactions.load_orders`): one piece where none is said."""
    connection.execute(f"""
        CREATE OR REPLACE VIEW {LINES} AS
        SELECT customer_id, CASE WHEN is_return THEN '{ORDER_REFUNDED}' ELSE '{ORDER_COMPLETED}' END AS type,
               occurred_us, order_id, item_id, CAST(coalesce(quantity, 1) AS DOUBLE) AS quantity,
               category, store
        FROM lines WHERE item_id IS NOT NULL""")
