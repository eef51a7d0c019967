"""A file of order lines or orders → events: what its columns mean, and grouping lines into orders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from app.lifecycle.events import minor_digits
from ml.data.belonging import fill_line_rows, strip_marks
from ml.data.channels import settle_channels
from ml.data.clocks import settle_clock
from ml.data.columns import Columns, UnusableTransactions, guess_columns
from ml.data.currency_signs import named_sql, tell_currencies
from ml.data.ids import join_refunds, mend_ids
from ml.data.judging import Expressions, changed_sql, judged_sql, left_out_sql, read_sql
from ml.data.leavings import count_left_out, create_left_out, describe_left_out
from ml.data.meanings import (
    mark_coupons,
    own_currency,
)
from ml.data.moments import DATE_ORDERS, has_words, tell_date_order
from ml.data.nobodies import keep_nobody, name_refunds, settle_placeholders
from ml.data.numbers import plain_columns, tell_decimal_sign
from ml.data.order_numbers import ORDER_NUMBERS, settle_numbers
from ml.data.orders import make_orders
from ml.data.rates import Rates, converted_sql, count_converted, load_rates
from ml.data.reading import Source, literal, load_raw, open_source
from ml.data.sums import settle_headers, settle_sums
from ml.data.taken import doubled, recognised, taken, unused_columns, why_nothing
from ml.data.telling import tell_meanings
from ml.data.totals import AMOUNT_IS, settle_totals
from ml.data.units import unit_of
from ml.data.words import OwnWords, Words

__all__ = ["Columns", "Reading", "UnusableTransactions", "file_columns", "guess_columns", "load_orders", "scan"]

_NUMBERS: Final = ("amount", "quantity", "unit_price", "discount")
_MONEY: Final = ("amount", "unit_price", "discount", "is_return")
_AMOUNTS: Final = ("amount", "unit_price")
"""What a line's amount is made of, the first that there is."""
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
    amount_is: str | None = None
    sheet: str | None = None
    keeps_nobody: bool = False
    """Whether purchases that name no customer count, as nobody's."""
    words: OwnWords = field(default_factory=OwnWords)
    rates: Rates = field(default_factory=Rates)

    def check(self) -> None:
        """Raises UnusableTransactions for a word that is none of those that can be chosen."""
        for option, value, allowed in (
            ("--decimal-sign", self.decimal_sign, _DECIMAL_SIGNS),
            ("--date-order", self.date_order, DATE_ORDERS),
            ("--order-numbers", self.order_numbers, ORDER_NUMBERS),
            ("--amount-is", self.amount_is, AMOUNT_IS),
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
        return _names(connection, source)


def _names(connection: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()
    except duckdb.Error as error:
        raise UnusableTransactions(source.explain(error)) from error
    return [row[0] for row in described]


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
    Returns how many lines were left out. `chosen`: columns by their meanings, that of currencies as `currency_column`.
    Raises UnusableTransactions.
    """
    reading.check()
    with open_source(path, reading.encoding, reading.sheet) as opened:
        chosen["currency"] = chosen.pop("currency_column", None)
        names = _names(connection, opened)
        columns = guess_columns(names, by_number=reading.by_number, **chosen)
        for sentence in (*opened.notes, *recognised(columns), *doubled(columns, names)):
            say(sentence)
        set_zone(connection, timezone)
        try:
            types = load_raw(connection, opened, columns.found())
            create_left_out(connection)
            unused = unused_columns(columns, names)
            columns, types = settle_clock(connection, columns, types, say)
            say(taken(columns))
            if unused:
                say(unused)
            strip_marks(connection, types)
            fill_line_rows(connection, types)
            mend_ids(connection, columns, types, say)
        except duckdb.Error as error:
            raise UnusableTransactions(opened.explain(error)) from error
    try:
        _load(connection, columns, types, opened.separator, source, currency, reading, say)
        counts = "SELECT (SELECT count(*) FROM raw), (SELECT count(*) FROM lines)"
        ((total, kept),) = connection.execute(counts).fetchall()
    except UnusableTransactions as error:
        raise UnusableTransactions(f"{path.name}: {error}") from error
    if not kept:
        raise UnusableTransactions(why_nothing(connection, path, columns, total))
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
    words = reading.words.beside(columns.export.waiting if columns.export else frozenset())
    texts = {meaning: name for meaning, name in columns.found().items() if types[meaning] == "VARCHAR"}
    numbers: dict[str, str] = {meaning: texts[meaning] for meaning in _NUMBERS if meaning in texts}
    expressions = _tell_forms(connection, types, texts, numbers, separator, currency, reading, words, say)
    _tell_units(columns, expressions, say)
    tell_meanings(connection, columns, types, expressions, words, reading.amount_is, say)
    lines = read_sql(columns, expressions)
    has_rates = load_rates(connection, reading.rates) and (columns.currency or expressions.currency) is not None
    if has_rates:
        lines = converted_sql(lines, own_currency(currency))
    judged = judged_sql(columns, lines, currency, words)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE judged AS {judged}")
    settle_placeholders(connection, columns)
    settle_headers(connection, columns)
    settle_sums(connection)
    told = expressions.currency or "CAST(raw.currency AS VARCHAR)"
    if has_rates and (converted := count_converted(connection, told)):
        say(f"{converted:,} line{' is' if converted == 1 else 's are'} converted to {currency} at the rates given.")
    if reading.keeps_nobody:
        keep_nobody(connection, columns)
    by_number = source if reading.by_number else None
    is_parted = settle_numbers(connection, columns, reading.order_numbers, by_number=by_number, say=say)
    if not is_parted:
        name_refunds(connection, columns)
    settle_totals(connection, columns, reading.amount_is, say)
    mark_coupons(connection)
    join_refunds(connection, columns)
    if columns.channel:
        settle_channels(connection, columns.channel, words, say)
    connection.execute(f"INSERT INTO left_out {left_out_sql(columns)}")
    for meaning in numbers:
        if meaning != "amount":
            connection.execute(f"INSERT INTO left_out {changed_sql(columns, meaning)}")
    make_orders(
        connection,
        source,
        minor_digits(currency),
        words,
        by_number=reading.by_number,
        is_parted=is_parted,
        tells_refunds=expressions.has_refunds,
    )


def _tell_forms(
    connection: duckdb.DuckDBPyConnection,
    types: dict[str, str],
    texts: dict[str, str],
    numbers: dict[str, str],
    separator: str | None,
    currency: str,
    reading: Reading,
    words: Words,
    say: Say,
) -> Expressions:
    """Finds out by their values how numbers and times are written. `texts` and `numbers`: meanings to names."""
    decimal, told, order = reading.decimal_sign, list[str](), None
    if decimal is None:
        decimal, signs = tell_decimal_sign(connection, numbers, separator)
        told += signs
    if "timestamp" in texts:
        order, dated = tell_date_order(connection, texts["timestamp"], reading.date_order)
        told += dated
    plain = plain_columns(connection, numbers) if decimal == "." else set[str]()
    expressions = Expressions(types, plain, decimal, order, words)
    if "currency" not in types:
        told += _tell_signs(connection, numbers, plain, currency, expressions)
    for sentence in told:
        say(sentence)
    expressions.has_words = "timestamp" in texts and has_words(connection)
    return expressions


def _tell_units(columns: Columns, expressions: Expressions, say: Say) -> None:
    """Of what columns of money are, by their names; said where it is no whole unit of the currency."""
    for meaning in _MONEY:
        name = columns.found().get(meaning)
        if name is not None and (unit := unit_of(name)) != 1:
            expressions.units[meaning] = unit
            say(f"By its name, 1 in column {name!r} is {unit:,.10g} of the currency.")


def _tell_signs(
    connection: duckdb.DuckDBPyConnection,
    numbers: dict[str, str],
    plain: set[str],
    currency: str,
    expressions: Expressions,
) -> Sequence[str]:
    """Sentences on the currencies that amounts name; of several each line is in its own."""
    meaning = next((each for each in _AMOUNTS if each in numbers), None)
    if meaning is None or meaning in plain:
        return ()
    has_several, told = tell_currencies(connection, meaning, numbers[meaning], currency)
    expressions.currency = named_sql(f"raw.{meaning}", currency) if has_several else None
    return told


def set_zone(connection: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """Of times that carry none. Raises UnusableTransactions."""
    try:
        connection.execute(f"SET TimeZone = {literal(timezone)}")
    except duckdb.Error as error:
        raise UnusableTransactions(
            f"there is no time zone {timezone!r}: Asia/Shanghai, Europe/Berlin are some"
        ) from error
