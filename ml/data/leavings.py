"""What was left out of a file or changed in it: the table `left_out` in DuckDB, and sentences about it.

A row a line: `row` (of the data, from 1), `reason`, `name` (the file's column), `value`, `lost` (whether it should have
counted: a cancelled order should not).
"""

from typing import Final

import duckdb

from ml.data.reading import literal

SAMPLES: Final = 3
_LONGEST: Final = 40

SPLIT: Final = "cannot be split into the columns of the header"
NO_CUSTOMER: Final = "names no customer"
NO_TIME: Final = "has no time that can be read"
NO_DATE: Final = "says a date that stands for none"
NO_AMOUNT: Final = "has no amount that can be read"
TOO_MUCH: Final = "is beyond 10¹² minor units"
GIVEN_AWAY: Final = "costs nothing, a give-away"
NO_SALE: Final = "says that it is no sale"
EMPTY: Final = "is empty"
TOTALS: Final = "stands under others as their sum or count"
CANCELLED: Final = "says that it was cancelled"
FOREIGN: Final = "names another currency than PERENNIAL_CURRENCY, and --rate gives none"
HEADER: Final = "is the header again"
_NOT_LOST: Final = (GIVEN_AWAY, NO_SALE, CANCELLED, EMPTY, TOTALS, HEADER)
NOBODY: Final = "names no customer: the purchase is kept as nobody's"
NO_NUMBER: Final = "is no order's number: what the customer bought at that second is one"
DIGITS_LOST: Final = "is a number whose last digits a spreadsheet has lost, and names none"
DIGITS_REPAIRED: Final = "was written with an exponent, and is repaired"
UNREAD: Final = "is no number that can be read: the line counts without it"


def create_left_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the table, with the lines that could not be split at all."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE left_out AS
        SELECT CAST(line AS BIGINT) AS row, {literal(SPLIT)} AS reason, CAST(NULL AS VARCHAR) AS name,
               csv_line AS value, true AS lost, true AS gone
        FROM (SELECT line, min(csv_line) AS csv_line FROM reject_errors GROUP BY line)"""
        if _has_rejects(connection)
        else """CREATE OR REPLACE TEMP TABLE left_out ("row" BIGINT, reason VARCHAR, name VARCHAR, value VARCHAR,
        lost BOOLEAN, gone BOOLEAN)"""
    )


def _has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    query = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'"
    return bool(connection.execute(query).fetchall()[0][0])


def is_lost(reason: str) -> str:
    """Whether lines of that reason (an expression of SQL) should have counted, in SQL."""
    return f"{reason} NOT IN ({', '.join(map(literal, _NOT_LOST))})"


def count_left_out(connection: duckdb.DuckDBPyConnection) -> int:
    """Lines that do not count at all."""
    return int(connection.execute("SELECT count(*) FROM left_out WHERE gone").fetchall()[0][0])


def count_lost(connection: duckdb.DuckDBPyConnection) -> int:
    """Lines that should have counted and do not."""
    return int(connection.execute("SELECT count(*) FROM left_out WHERE gone AND lost").fetchall()[0][0])


def describe_left_out(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """A sentence for each column and reason: how many lines, and the first few of them."""
    rows = connection.execute(
        f"""SELECT gone, name, reason, count(*), list({{'row': row, 'value': value}} ORDER BY row)[:{SAMPLES}]
        FROM left_out GROUP BY ALL ORDER BY gone DESC, count(*) DESC, reason"""
    ).fetchall()
    return [_sentence(gone, name, reason, count, samples) for gone, name, reason, count, samples in rows]


def _sentence(gone: bool, name: str | None, reason: str, count: int, samples: list[dict[str, object]]) -> str:
    lines = f"{count:,} line{' is' if count == 1 else 's are'} {'left out' if gone else 'changed'}"
    where = f"column {name!r} {reason}" if name else f"it {reason}" if count == 1 else f"they {_plural(reason)}"
    shown = ", ".join(f"row {sample['row']}{_shown(sample['value'])}" for sample in samples)
    return f"{lines}: {where} ({shown}{', …' if count > len(samples) else ''})."


def _plural(reason: str) -> str:
    return {"costs": "cost", "stands": "stand", "is": "are", "has": "have"}.get(
        reason.split(" ")[0], reason.split(" ")[0]
    ) + (reason[reason.find(" ") :])


def _shown(value: object) -> str:
    if value is None or not str(value).strip():
        return ": empty"
    text = " ".join(str(value).split())
    return f": {text[:_LONGEST]!r}" + ("…" if len(text) > _LONGEST else "")
