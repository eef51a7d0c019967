"""What columns were taken for, and why a file has nothing that counts, in sentences."""

from pathlib import Path
from typing import Final

import duckdb

from ml.data.columns import Columns
from ml.data.leavings import describe_left_out

_MOST_NAMED: Final = 12
_LONGEST: Final = 40
_FIRST: Final = "WHERE trim(CAST(timestamp AS VARCHAR)) <> '' ORDER BY said LIMIT 3"


def doubled(columns: Columns, names: list[str]) -> list[str]:
    """Columns that mean something, and stand several times: a reader tells the others apart by a number."""
    known = {name.casefold() for name in names}
    return [
        f"Column {name!r} stands several times: the first is taken, {name + '_1'!r} is the second."
        for name in columns.found().values()
        if f"{name}_1".casefold() in known
    ]


def recognised(columns: Columns) -> tuple[str, ...]:
    return (f"This looks like an export of {columns.export.name}.",) if columns.export else ()


def taken(columns: Columns) -> str:
    return "Columns: " + ", ".join(f"{meaning} = {name!r}" for meaning, name in columns.found().items()) + "."


def unused_columns(columns: Columns, names: list[str]) -> str | None:
    """Which columns say nothing that is counted; of an export that is known, all are known."""
    used = set(columns.found().values()) | {columns.day, columns.clock}
    others = [repr(name) for name in names if name not in used]
    if columns.export or not others:
        return None
    more = f" and {len(others) - _MOST_NAMED:,} more" if len(others) > _MOST_NAMED else ""
    return f"Not used: {', '.join(others[:_MOST_NAMED])}{more}."


def why_nothing(connection: duckdb.DuckDBPyConnection, path: Path, columns: Columns, total: int) -> str:
    """Which column no line has anything usable in."""
    timed, known = connection.execute("SELECT count(moment), count(customer_id) FROM judged").fetchall()[0]
    if not total:
        return f"{path.name} has no lines."
    if not timed:
        said = connection.execute(f"SELECT DISTINCT CAST(timestamp AS VARCHAR) AS said FROM raw {_FIRST}").fetchall()
        shown = ", ".join(repr(text[:_LONGEST]) for (text,) in said) or "nothing"
        return f"{path.name}: column {columns.timestamp!r} has no time like 2026-01-31 10:15:00: it says {shown}."
    if not known:
        return f"{path.name}: column {columns.customer_id!r} names no customer; anonymous orders are no use."
    reasons = " ".join(describe_left_out(connection))
    return f"{path.name}: no line has a customer, a time and an amount that can be used. {reasons}"
