"""A file of order lines or orders → events: column guesses, grouping lines into orders."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import duckdb

from app.errors import Refusal
from app.lifecycle.events import ORDER_COMPLETED, ORDER_REFUNDED, minor_digits

_GUESSES: Final = {
    "customer_id": ("customer_id", "customerid", "customer id", "customer", "user_id", "member_id", "cid"),
    "timestamp": (
        "timestamp",
        "invoicedate",
        "invoice_date",
        "order_date",
        "ordered_at",
        "datetime",
        "time",
        "date",
    ),
    "order_id": ("order_id", "orderid", "invoice", "invoiceno", "invoice_no", "basket_id", "receipt_id"),
    "amount": ("amount", "total", "order_total", "spend", "sales", "value"),
    "quantity": ("quantity", "qty", "units"),
    "unit_price": ("unit_price", "unitprice", "price"),
    "item_id": ("item_id", "product_id", "sku", "stockcode", "stock_code", "article"),
    "category": ("category", "department", "product_category"),
    "discount": ("discount", "discount_amount"),
    "channel": ("channel", "sales_channel"),
    "is_return": ("is_return", "return", "refund", "is_refund"),
}


class UnusableTransactions(Refusal):
    """The file lacks something; the sentence says what, and which columns it has."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The file's names for what a line of a transactions file carries; None: it has no such column."""

    customer_id: str
    timestamp: str
    order_id: str | None = None
    amount: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    item_id: str | None = None
    category: str | None = None
    discount: str | None = None
    channel: str | None = None
    is_return: str | None = None


def scan(path: Path) -> str:
    """The DuckDB table function that reads the file, by its ending.

    Raises UnusableTransactions for an ending that is not parquet, CSV or NDJSON.
    """
    quoted = "'" + str(path).replace("'", "''") + "'"
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return f"read_parquet({quoted})"
    if name.endswith((".csv", ".csv.gz", ".tsv", ".txt")):
        return f"read_csv({quoted}, sample_size=100000)"
    if name.endswith((".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")):
        return f"read_ndjson({quoted})"
    raise UnusableTransactions(f"{path.name}: the ending is none of .parquet, .csv, .tsv, .ndjson, .jsonl")


def guess_columns(names: list[str], **chosen: str | None) -> Columns:
    """What each column means, from its name; `chosen` overrides the guesses.

    Raises UnusableTransactions where customer, time or amount cannot be found.
    """
    lower = {name.lower(): name for name in names}
    found: dict[str, str | None] = {}
    for meaning, guesses in _GUESSES.items():
        wanted = chosen.get(meaning)
        if wanted is not None and wanted not in names:
            raise UnusableTransactions(f"there is no column {wanted!r}; the file has {', '.join(names)}")
        found[meaning] = wanted or next((lower[guess] for guess in guesses if guess in lower), None)
    if not found["amount"] and not (found["quantity"] and found["unit_price"]):
        missing = ["amount, or quantity and unit_price"]
    else:
        missing = []
    missing += [meaning for meaning in ("customer_id", "timestamp") if not found[meaning]]
    if missing:
        raise UnusableTransactions(f"no column for {'; '.join(missing)}; the file has {', '.join(names)}")
    return Columns(**found)  # type: ignore[arg-type]


def file_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The column names of a file."""
    return [row[0] for row in connection.sql(f"DESCRIBE SELECT * FROM {scan(path)}").fetchall()]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lines_sql(path: Path, columns: Columns, digits: int, timezone: str) -> str:
    """One row a line of the file, in our own names; lines without customer or time are left out."""

    def column(meaning: str, otherwise: str) -> str:
        name = getattr(columns, meaning)
        return '"' + name.replace('"', '""') + '"' if name else otherwise

    quantity = f"try_cast({column('quantity', '1')} AS DOUBLE)"
    price = f"try_cast({column('unit_price', 'NULL')} AS DOUBLE)"
    amount = f"try_cast({column('amount', f'({quantity}) * ({price})')} AS DOUBLE)"
    discount = f"try_cast({column('discount', '0')} AS DOUBLE)"
    moment = f"CAST({column('timestamp', '')} AS TIMESTAMP)"
    order_id = column("order_id", f"strftime({moment}, '%Y%m%dT%H%M%S')")
    return f"""
        SELECT CAST({column("customer_id", "")} AS VARCHAR) AS customer_id,
               epoch_us(timezone({_literal(timezone)}, {moment})) AS occurred_us,
               CAST({order_id} AS VARCHAR) AS order_id,
               CAST({column("item_id", "NULL")} AS VARCHAR) AS item_id,
               CAST({column("category", "NULL")} AS VARCHAR) AS category,
               CAST({column("channel", "NULL")} AS VARCHAR) AS channel,
               abs({quantity}) AS quantity,
               abs({price}) AS unit_price,
               CAST(round(abs({amount}) * 1e{digits}) AS BIGINT) AS amount_minor,
               CAST(round(coalesce(abs({discount}), 0) * 1e{digits}) AS BIGINT) AS discount_minor,
               coalesce(try_cast({column("is_return", "NULL")} AS BOOLEAN), false)
                   OR coalesce({quantity} < 0, false) OR coalesce({amount} < 0, false) AS is_return
        FROM {scan(path)}
        WHERE {column("customer_id", "")} IS NOT NULL AND {column("timestamp", "")} IS NOT NULL
              AND isfinite({amount}) AND {amount} <> 0"""


def load_orders(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    source: str,
    currency: str = "CNY",
    timezone: str = "UTC",
    **chosen: str | None,
) -> None:
    """Makes the tables `lines` and `events` in DuckDB from a transactions file.

    `lines` is one row an order line; `events` one row an order or refund, in the columns that
    `ml.data` reads. An event's id is `customer/order`, `/return` after it for a refund, so that the
    same file read again gives the same ids. Raises UnusableTransactions.
    """
    columns = guess_columns(file_columns(connection, path), **chosen)
    connection.execute(
        f"CREATE OR REPLACE TABLE lines AS {_lines_sql(path, columns, minor_digits(currency), timezone)}"
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE events AS
        SELECT customer_id, {_literal(source)} AS source,
               customer_id || '/' || order_id || CASE WHEN is_return THEN '/return' ELSE '' END AS id,
               CASE WHEN is_return THEN '{ORDER_REFUNDED}' ELSE '{ORDER_COMPLETED}' END AS type,
               min(occurred_us) AS occurred_us, CAST(NULL AS VARCHAR) AS kind, any_value(channel) AS channel,
               order_id AS reference, CAST(sum(amount_minor) AS BIGINT) AS amount_minor,
               CAST(sum(discount_minor) AS BIGINT) AS discount_minor,
               CAST(sum(greatest(1, floor(quantity))) AS BIGINT) AS items,
               CAST(0 AS BIGINT) AS points, CAST(NULL AS VARCHAR) AS value
        FROM lines GROUP BY customer_id, order_id, is_return"""
    )


assert {field.name for field in fields(Columns)} == set(_GUESSES)
