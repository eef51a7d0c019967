"""What marks of returns and statuses of a file turn out to be, by their values."""

from collections.abc import Callable

import duckdb

from ml.data.columns import Columns
from ml.data.judging import Expressions
from ml.data.meanings import check_return_words, holds_amounts, refuse_told_twice, tell_statuses, tells_returns
from ml.data.words import Words


def tell_meanings(
    connection: duckdb.DuckDBPyConnection,
    columns: Columns,
    types: dict[str, str],
    expressions: Expressions,
    words: Words,
    amount_is: str | None,
    say: Callable[[str], None],
) -> None:
    """Finds out by their values whether returns are words or amounts, and whether statuses are those of orders."""
    if columns.is_return and types["is_return"] != "BOOLEAN":
        if columns.has_kinds and amount_is is None and types["is_return"] == "VARCHAR":
            refuse_told_twice(connection, str(columns.is_return))
        _tell_returns(connection, columns, types, expressions, words, say)
    for meaning, name in (("status", columns.status), ("payment", columns.payment)):
        if name is None or types[meaning] != "VARCHAR":
            continue
        if tell_statuses(connection, name, words, meaning):
            expressions.statuses.append(meaning)
        else:
            say(f"Column {name!r} is not looked at: no word of it is known for an order's status.")


def _tell_returns(
    connection: duckdb.DuckDBPyConnection,
    columns: Columns,
    types: dict[str, str],
    expressions: Expressions,
    words: Words,
    say: Callable[[str], None],
) -> None:
    name, is_text = str(columns.is_return), types["is_return"] == "VARCHAR"
    if columns.has_kinds and not (is_text and tells_returns(connection, words)):
        expressions.has_returns = False
        say(f"Column {name!r} is not looked at: no word of it is known for a return.")
        return
    number = expressions.number("is_return")
    expressions.has_refunds = not columns.has_kinds and holds_amounts(connection, name, number)
    if expressions.has_refunds:
        say(f"Column {name!r} has amounts: they are refunds beside their orders.")
    elif is_text:
        check_return_words(connection, name, words)
