"""A file of order lines or orders → events: what its columns mean, and grouping lines into orders."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from app.lifecycle.events import MAX_AMOUNT_MINOR, minor_digits
from ml.data import leavings
from ml.data.columns import Columns, UnusableTransactions, guess_columns
from ml.data.leavings import count_left_out, create_left_out, describe_left_out
from ml.data.meanings import (
    check_return_words,
    foreign_sql,
    holds_amounts,
    no_sale_sql,
    return_sql,
    settle_orders,
    tell_statuses,
)
from ml.data.moments import DATE_ORDERS, moment_sql, tell_date_order
from ml.data.numbers import number_sql, plain_columns, tell_decimal_sign
from ml.data.order_numbers import ORDER_NUMBERS, settle_numbers
from ml.data.orders import make_orders
from ml.data.reading import Source, is_number, literal, load_raw, open_source

__all__ = ["Columns", "Reading", "UnusableTransactions", "file_columns", "guess_columns", "load_orders", "scan"]

_NUMBERS: Final = ("amount", "quantity", "unit_price", "discount")
_DECIMAL_SIGNS: Final = (".", ",")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What settles how a file is read, where its values do not. None: it is told by them, or refused."""

    encoding: str | None = None
    decimal_sign: str | None = None
    date_order: str | None = None
    order_numbers: str | None = None
    by_number: bool = False
    """Whether the service knows orders of the source by their number alone."""

    def check(self) -> None:
        """Raises UnusableTransactions for a word that is none of those that can be chosen."""
        for option, value, allowed in (
            ("--decimal-sign", self.decimal_sign, _DECIMAL_SIGNS),
            ("--date-order", self.date_order, DATE_ORDERS),
            ("--order-numbers", self.order_numbers, ORDER_NUMBERS),
        ):
            if value is not None and value not in allowed:
                raise UnusableTransactions(f"{option} is {' or '.join(allowed)}, not {value!r}")


AS_TOLD: Final = Reading()
"""As the values tell."""


def scan(path: Path) -> str:
    """The DuckDB table function that reads a file of UTF-8, by its ending. Raises UnusableTransactions."""
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz", ".tsv", ".txt")):
        return f"read_csv({literal(str(path))}, sample_size=100000)"
    with open_source(path) as source:
        return source.sql


def file_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The column names of a file. Raises UnusableTransactions for one that cannot be read."""
    with open_source(path) as source:
        return _names(connection, path, source)


def _names(connection: duckdb.DuckDBPyConnection, path: Path, source: Source) -> list[str]:
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()
    except duckdb.Error as error:
        if path.exists() and not path.stat().st_size:
            return []
        raise _unreadable(path, error) from error
    return [row[0] for row in described]


def _unreadable(path: Path, error: Exception) -> UnusableTransactions:
    return UnusableTransactions(f"{path.name} cannot be read: {str(error).partition(chr(10))[0]}")


class _Expressions:
    """What the columns of `raw` say, in SQL."""

    def __init__(self, types: dict[str, str], plain: set[str], decimal: str, date_order: str | None) -> None:
        """`plain`: the columns of texts whose every number is written as programs do."""
        self._types, self._plain, self._decimal, self._date_order = types, plain, decimal, date_order
        self.has_refunds = self.has_statuses = False

    def text(self, meaning: str) -> str:
        return f"CAST({meaning} AS VARCHAR)" if meaning in self._types else "CAST(NULL AS VARCHAR)"

    def id(self, meaning: str) -> str:
        """An id as text; a whole number that was stored as 17850.0 is 17850, an empty one is none."""
        bare = f"trim({self.text(meaning)})"
        whole = f"regexp_replace({bare}, '^(\\d+)\\.0$', '\\1')"
        return f"CASE WHEN suffix({bare}, '.0') THEN {whole} ELSE nullif({bare}, '') END"

    def number(self, meaning: str) -> str:
        kind = self._types.get(meaning)
        if kind is None:
            return "CAST(NULL AS DOUBLE)"
        if is_number(kind):
            return f"CAST({meaning} AS DOUBLE)"
        if meaning in self._plain:
            return f"try_cast({meaning} AS DOUBLE)"
        return number_sql(self.text(meaning), self._decimal)

    def returned(self) -> str:
        """Whether the line is marked as one that came back."""
        if self._types.get("is_return") == "BOOLEAN":
            return "coalesce(is_return, false)"
        return "false" if self.has_refunds else return_sql(self.text("is_return"))

    def refunded(self) -> str:
        return f"abs({self.number('is_return')})" if self.has_refunds else "CAST(NULL AS DOUBLE)"

    def status(self) -> str:
        return self.text("status") if self.has_statuses else "CAST(NULL AS VARCHAR)"

    def moment(self) -> str:
        return moment_sql("timestamp", self._types["timestamp"], self._date_order)


def _read_sql(columns: Columns, expressions: _Expressions) -> str:
    """One row a line of `raw`, in our own names; NULL where a line says nothing that can be used."""
    number = expressions.number
    quantity = number("quantity") if columns.quantity else "1.0"
    amount = number("amount") if columns.amount else f"({quantity}) * ({number('unit_price')})"
    return f"""
        SELECT rowid + 1 AS row, {expressions.id("customer_id")} AS customer_id, {expressions.moment()} AS moment,
               {expressions.id("order_id")} AS order_id, {expressions.id("item_id")} AS item_id,
               {expressions.text("category")} AS category, {expressions.text("channel")} AS channel,
               {quantity} AS quantity, {number("unit_price")} AS unit_price, {amount} AS amount,
               {number("discount")} AS discount,
               {expressions.returned()} AS is_return, {expressions.refunded()} AS refunded,
               {expressions.text("currency")} AS currency, {expressions.status()} AS status
        FROM raw"""


def _judged_sql(columns: Columns, read_sql: str, currency: str) -> str:
    """The same, and why a line is left out: NULL where it counts."""
    # A receipt of nothing (all of it paid by vouchers) is a purchase; a line of no price is a give-away.
    free = "false" if columns.amount else "amount = 0"
    digits = minor_digits(currency)
    return f"""
        SELECT *, order_id AS number, false AS is_coupon,
                  CASE WHEN customer_id IS NULL THEN {literal(leavings.NO_CUSTOMER)}
                       WHEN moment IS NULL OR NOT isfinite(moment) THEN {literal(leavings.NO_TIME)}
                       WHEN {no_sale_sql("status")} AND coalesce(refunded, 0) = 0 THEN {literal(leavings.NO_SALE)}
                       WHEN {foreign_sql("currency", currency)} THEN {literal(leavings.FOREIGN)}
                       WHEN amount IS NULL OR isnan(amount) THEN {literal(leavings.NO_AMOUNT)}
                       WHEN {free} THEN {literal(leavings.GIVEN_AWAY)}
                       WHEN abs(amount) * 1e{digits} > {MAX_AMOUNT_MINOR} THEN {literal(leavings.TOO_MUCH)}
                  END AS reason
        FROM ({read_sql})"""


def _left_out_sql(columns: Columns) -> str:
    """Of lines that do not count: the reason, and the column that is at fault with what it says."""
    amount = columns.amount or columns.unit_price
    shown = "amount" if columns.amount else "unit_price"
    blamed = (
        (leavings.NO_CUSTOMER, columns.customer_id, "customer_id"),
        (leavings.NO_TIME, columns.timestamp, "timestamp"),
        (leavings.NO_SALE, columns.status, "status"),
        (leavings.FOREIGN, columns.currency, "currency"),
        (leavings.NO_AMOUNT, amount, shown),
        (leavings.TOO_MUCH, amount, shown),
    )
    name = "".join(f" WHEN {literal(reason)} THEN {literal(name or '')}" for reason, name, _ in blamed)
    value = "".join(
        f" WHEN {literal(reason)} THEN CAST(raw.{meaning} AS VARCHAR)" for reason, name, meaning in blamed if name
    )
    return f"""
        SELECT row, reason, CASE reason{name} END, CASE reason{value} END, {leavings.is_lost("reason")}, true
        FROM judged JOIN raw ON raw.rowid + 1 = row WHERE reason IS NOT NULL"""


def _changed_sql(columns: Columns, meaning: str) -> str:
    """Lines that count without a detail of theirs that is no number."""
    return f"""
        SELECT row, {literal(leavings.UNREAD)}, {literal(columns.found()[meaning])}, CAST(raw.{meaning} AS VARCHAR),
               false, false
        FROM judged JOIN raw ON raw.rowid + 1 = row
        WHERE reason IS NULL AND judged.{meaning} IS NULL AND trim(CAST(raw.{meaning} AS VARCHAR)) <> ''"""


def load_orders(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    source: str,
    currency: str = "CNY",
    timezone: str = "UTC",
    reading: Reading = AS_TOLD,
    say: Say = lambda _: None,
    **chosen: str | None,
) -> int:
    """Makes the tables `lines`, `events` and `left_out` in DuckDB from a transactions file.

    `lines` is one row an order line; `events` one row an order or refund, in the columns that `ml.data.states` reads,
    and `order_id` (of its lines) and `number`; `left_out` is what `ml.data.leavings` says. An event's id is what its
    order is known by (`ml.data.orders`), for a refund with `/return/` and its time after it, or a digest of that where
    it is no printable ASCII of at most 128. Times without a zone are in `timezone`, which becomes the connection's.
    Says what each column is taken for, before anything is counted, and what is left out.
    Returns how many lines were left out. Raises UnusableTransactions.
    """
    reading.check()
    with open_source(path, reading.encoding) as opened:
        columns = guess_columns(_names(connection, path, opened), **chosen)
        for sentence in (*opened.notes, _taken(columns)):
            say(sentence)
        try:
            connection.execute(f"SET TimeZone = {literal(timezone)}")
            types = load_raw(connection, opened, columns.found())
            create_left_out(connection)
        except duckdb.Error as error:
            raise _unreadable(path, error) from error
    try:
        _load(connection, columns, types, opened.separator, source, currency, reading, say)
        counts = "SELECT (SELECT count(*) FROM raw), (SELECT count(*) FROM lines)"
        ((total, kept),) = connection.execute(counts).fetchall()
    except UnusableTransactions as error:
        raise UnusableTransactions(f"{path.name}: {error}") from error
    except duckdb.Error as error:
        raise _unreadable(path, error) from error
    if not kept:
        raise UnusableTransactions(_why_nothing(connection, path, columns, total))
    for sentence in describe_left_out(connection):
        say(sentence)
    connection.execute("DROP TABLE judged; DROP TABLE raw")
    return count_left_out(connection)


def _load(
    connection: duckdb.DuckDBPyConnection,
    columns: Columns,
    types: dict[str, str],
    separator: str | None,
    source: str,
    currency: str,
    reading: Reading,
    say: Say,
) -> None:
    texts: dict[str, str] = {meaning: name for meaning, name in columns.found().items() if types[meaning] == "VARCHAR"}
    numbers: dict[str, str] = {meaning: texts[meaning] for meaning in _NUMBERS if meaning in texts}
    decimal, told = reading.decimal_sign, list[str]()
    if decimal is None:
        decimal, signs = tell_decimal_sign(connection, numbers, separator)
        told += signs
    order = None
    if "timestamp" in texts:
        order, dated = tell_date_order(connection, columns.timestamp, reading.date_order)
        told += dated
    for sentence in told:
        say(sentence)
    plain = plain_columns(connection, numbers) if decimal == "." else set[str]()
    expressions = _Expressions(types, plain, decimal, order)
    _tell_meanings(connection, columns, types, expressions, say)
    judged_sql = _judged_sql(columns, _read_sql(columns, expressions), currency)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE judged AS {judged_sql}")
    by_number = source if reading.by_number else None
    settle_numbers(connection, columns, reading.order_numbers, by_number=by_number, say=say)
    settle_orders(connection, columns, say)
    connection.execute(f"INSERT INTO left_out {_left_out_sql(columns)}")
    for meaning in numbers:
        if meaning != "amount":
            connection.execute(f"INSERT INTO left_out {_changed_sql(columns, meaning)}")
    make_orders(connection, source, minor_digits(currency), by_number=reading.by_number)


def _tell_meanings(
    connection: duckdb.DuckDBPyConnection, columns: Columns, types: dict[str, str], expressions: _Expressions, say: Say
) -> None:
    """Finds out by their values whether returns are words or amounts, and whether statuses are those of orders."""
    if columns.is_return and types["is_return"] != "BOOLEAN":
        expressions.has_refunds = holds_amounts(connection, expressions.number("is_return"))
        if expressions.has_refunds:
            say(f"Column {columns.is_return!r} has amounts: they are refunds beside their orders.")
        elif types["is_return"] == "VARCHAR":
            check_return_words(connection, columns.is_return)
    if columns.status and types["status"] == "VARCHAR":
        expressions.has_statuses = tell_statuses(connection, columns.status)
        if not expressions.has_statuses:
            say(f"Column {columns.status!r} is not looked at: no word of it is known for an order's status.")


def _taken(columns: Columns) -> str:
    return "Columns: " + ", ".join(f"{meaning} = {name!r}" for meaning, name in columns.found().items()) + "."


def _why_nothing(connection: duckdb.DuckDBPyConnection, path: Path, columns: Columns, total: int) -> str:
    """Which column no line has anything usable in."""
    timed, known = connection.execute("SELECT count(moment), count(customer_id) FROM judged").fetchall()[0]
    if not total:
        return f"{path.name} has no lines."
    if not timed:
        return f"{path.name}: column {columns.timestamp!r} has no time like 2026-01-31 10:15:00."
    if not known:
        return f"{path.name}: column {columns.customer_id!r} names no customer; anonymous orders are no use."
    reasons = " ".join(describe_left_out(connection))
    return f"{path.name}: no line has a customer, a time and an amount that can be used. {reasons}"
