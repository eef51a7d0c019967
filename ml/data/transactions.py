"""A file of order lines or orders → events: column guesses, grouping lines into orders."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import duckdb

from app.foundation.errors import Refusal
from app.lifecycle.events import (
    MAX_AMOUNT_MINOR,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    minor_digits,
)

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


def scan(path: Path, texts: Sequence[str] = ()) -> str:
    """The DuckDB table function that reads the file, by its ending.

    `texts` are columns of a CSV that are not to be read as numbers: an id keeps its leading zeros.
    Raises UnusableTransactions for an ending that is not parquet, CSV or NDJSON.
    """
    quoted, name = _literal(str(path)), path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return f"read_parquet({quoted})"
    if name.endswith((".csv", ".csv.gz", ".tsv", ".txt")):
        types = ", ".join(f"{_literal(column)}: 'VARCHAR'" for column in texts)
        return f"read_csv({quoted}, sample_size=100000, types={{{types}}})"
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
    """The column names of a file. Raises UnusableTransactions for one that cannot be read."""
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan(path)}").fetchall()
    except duckdb.Error as error:
        raise UnusableTransactions(f"{path.name} cannot be read: {_first_line(error)}") from error
    return [row[0] for row in described]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str | None) -> str:
    return "NULL" if name is None else '"' + name.replace('"', '""') + '"'


def _id(name: str | None) -> str:
    """An id as text; a whole number that was stored as 17850.0 is 17850, an empty one is none."""
    return f"nullif(regexp_replace(trim(CAST({_quoted(name)} AS VARCHAR)), '^(\\d+)\\.0$', '\\1'), '')"


def _number(name: str | None) -> str:
    return f"try_cast({_quoted(name)} AS DOUBLE)"


def _lines_sql(path: Path, columns: Columns, digits: int) -> str:
    """One row a line of the file, in our own names; NULL or 0 where a line says nothing that can be used."""
    quantity = _number(columns.quantity) if columns.quantity else "1.0"
    amount = _number(columns.amount) if columns.amount else f"({quantity} * {_number(columns.unit_price)})"
    # A receipt of nothing (all of it paid by vouchers) is a purchase; a line of no price is a give-away.
    is_trade = "amount IS NOT NULL" if columns.amount else "amount <> 0"
    texts = [name for name in (columns.customer_id, columns.order_id, columns.item_id) if name]
    return f"""
        WITH read AS (
            SELECT {_id(columns.customer_id)} AS customer_id,
                   try_cast({_quoted(columns.timestamp)} AS TIMESTAMPTZ) AS moment,
                   {_id(columns.order_id)} AS order_id, {_id(columns.item_id)} AS item_id,
                   CAST({_quoted(columns.category)} AS VARCHAR) AS category,
                   CAST({_quoted(columns.channel)} AS VARCHAR) AS channel,
                   {quantity} AS quantity, {_number(columns.unit_price)} AS unit_price, {amount} AS amount,
                   coalesce({_number(columns.discount)}, 0) AS discount,
                   coalesce(try_cast({_quoted(columns.is_return)} AS BOOLEAN), false) AS is_return
            FROM {scan(path, texts)}
        )
        SELECT customer_id, epoch_us(moment) AS occurred_us,
               coalesce(order_id, strftime(moment, '%Y%m%dT%H%M%S')) AS order_id,
               item_id, category, channel, abs(quantity) AS quantity, abs(unit_price) AS unit_price,
               CAST(round(abs(amount) * 1e{digits}) AS BIGINT) AS amount_minor,
               CAST(round(least(abs(discount), 1e10) * 1e{digits}) AS BIGINT) AS discount_minor,
               is_return OR coalesce(quantity < 0, false) OR amount < 0 AS is_return
        FROM read
        WHERE customer_id IS NOT NULL AND moment IS NOT NULL AND isfinite(moment)
              AND {is_trade} AND abs(amount) * 1e{digits} <= {MAX_AMOUNT_MINOR}"""


def _events_sql(source: str) -> str:
    """One row an order, and a refund at each time that something came back.

    Nothing depends on the order of the lines: read again, it is the same.
    """
    ending = "CASE WHEN NOT is_return THEN '' WHEN number = 1 THEN '/return' ELSE '/return/' || number END"
    plain_id = f"customer_id || '/' || order_id || {ending}"
    return f"""
        SELECT customer_id, {_literal(source)} AS source,
               CASE WHEN regexp_full_match({plain_id}, '[ -~]{{1,128}}') THEN {plain_id}
                    ELSE 'sha256:' || sha256({plain_id}) END AS id,
               CASE WHEN is_return THEN '{ORDER_REFUNDED}' ELSE '{ORDER_COMPLETED}' END AS type,
               occurred_us, CAST(NULL AS VARCHAR) AS kind, channel, order_id AS reference,
               amount_minor, discount_minor, items, CAST(0 AS BIGINT) AS points, CAST(NULL AS VARCHAR) AS value
        FROM (SELECT customer_id, order_id, is_return, min(occurred_us) AS occurred_us, min(channel) AS channel,
                     CAST(sum(amount_minor) AS BIGINT) AS amount_minor,
                     CAST(sum(discount_minor) AS BIGINT) AS discount_minor,
                     CAST(sum(CASE WHEN quantity = floor(quantity) THEN greatest(1, quantity) ELSE 1 END) AS BIGINT)
                         AS items,
                     row_number() OVER (PARTITION BY customer_id, order_id, is_return ORDER BY min(occurred_us))
                         AS number
              FROM lines GROUP BY customer_id, order_id, is_return, CASE WHEN is_return THEN occurred_us END)"""


def load_orders(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    source: str,
    currency: str = "CNY",
    timezone: str = "UTC",
    **chosen: str | None,
) -> int:
    """Makes the tables `lines` and `events` in DuckDB from a transactions file.

    `lines` is one row an order line; `events` one row an order or refund, in the columns that
    `ml.data.states` reads. An event's id is `customer/order`, for a refund with `/return` after it, for a second one
    `/return/2`, or a digest of that where it is no printable ASCII of at most 128, so that the same file
    read again gives the same ids. Times without a zone are in `timezone`, which becomes the connection's.
    Returns how many lines were left out: without customer, readable time, or an amount within bounds.
    Raises UnusableTransactions.
    """
    columns = guess_columns(file_columns(connection, path), **chosen)
    lines_sql = _lines_sql(path, columns, minor_digits(currency))
    try:
        connection.execute(f"SET TimeZone = {_literal(timezone)}")
        connection.execute(f"CREATE OR REPLACE TABLE lines AS {lines_sql}")
        connection.execute(f"CREATE OR REPLACE TABLE events AS {_events_sql(source)}")
        total, kept = connection.execute(
            f"SELECT (SELECT count(*) FROM {scan(path)}), (SELECT count(*) FROM lines)"
        ).fetchall()[0]
    except duckdb.Error as error:
        raise UnusableTransactions(f"{path.name} cannot be read: {_first_line(error)}") from error
    if not kept:
        raise UnusableTransactions(_why_nothing(connection, path, columns, total))
    return int(total - kept)


def _why_nothing(connection: duckdb.DuckDBPyConnection, path: Path, columns: Columns, total: int) -> str:
    """Which column no line has anything usable in."""
    moment, customer_id = f"try_cast({_quoted(columns.timestamp)} AS TIMESTAMPTZ)", _id(columns.customer_id)
    counts = connection.execute(f"SELECT count({moment}), count({customer_id}) FROM {scan(path)}")
    timed, known = counts.fetchall()[0]
    if not total:
        return f"{path.name} has no lines."
    if not timed:
        return f"{path.name}: column {columns.timestamp!r} has no time like 2026-01-31 10:15:00."
    if not known:
        return f"{path.name}: column {columns.customer_id!r} names no customer; anonymous orders are no use."
    return f"{path.name}: no line has a customer, a time and an amount that can be used."


assert {field.name for field in fields(Columns)} == set(_GUESSES)
