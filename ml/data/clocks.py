"""Receipts whose day stands in one column and whose time of day in another (日期 and 时间)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import duckdb

from ml.data.columns import Columns
from ml.data.reading import is_number

_CLOCK: Final = (
    r"^\s*[上下中午早晨晚凌]*\s*[0-9０-９]{1,2}\s*[:：时時点]\s*[0-9０-９]{1,2}"
    r"(\s*[:：分]\s*[0-9０-９]{0,2}(\.\d+)?)?\s*秒?\s*([AaPp]\.?[Mm]\.?|Uhr)?\s*$"
)
_MIDNIGHT: Final = r"[ T]0{1,2}:00(:00(\.0+)?)?$"
"""What a spreadsheet puts behind a day."""


def settle_clock(
    connection: duckdb.DuckDBPyConnection, columns: Columns, types: dict[str, str], say: Callable[[str], None]
) -> tuple[Columns, dict[str, str]]:
    """(The columns, their types): `timestamp` in `raw` is day and time together where the values are a time of day."""
    if columns.clock is None or columns.day is None:
        return replace(columns, day=None, clock=None), types
    together = _are_clocks(connection, types)
    if together:
        say(f"Days of column {columns.day!r} and times of column {columns.clock!r} are taken together.")
        day = f"regexp_replace(trim(CAST(day AS VARCHAR)), '{_MIDNIGHT}', '')"
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE raw AS
            SELECT * EXCLUDE (day, clock, timestamp),
                   trim({day} || ' ' || coalesce({_clock_sql(types)}, '')) AS timestamp
            FROM raw ORDER BY rowid"""
        )
    else:
        connection.execute("ALTER TABLE raw DROP day; ALTER TABLE raw DROP clock")
    name = columns.day if together else columns.timestamp
    kinds = {meaning: kind for meaning, kind in types.items() if meaning not in ("day", "clock")}
    if together:
        kinds["timestamp"] = "VARCHAR"
    return replace(columns, timestamp=name, day=None, clock=None), kinds


def _clock_sql(types: dict[str, str]) -> str:
    """A time of day as text: a spreadsheet may have it as a part of the day."""
    if is_number(types["clock"]):
        fraction = "CAST(clock AS DOUBLE)"
    elif types["clock"] == "VARCHAR":
        fraction = "CASE WHEN regexp_matches(clock, '^0?\\.\\d+$') THEN try_cast(clock AS DOUBLE) END"
    else:
        return "CAST(clock AS VARCHAR)"
    seconds = f"to_microseconds(CAST(round({fraction} * 86400) * 1000000 AS BIGINT))"
    return f"coalesce(strftime(TIMESTAMP '2000-01-01' + {seconds}, '%H:%M:%S'), trim(CAST(clock AS VARCHAR)))"


def _are_clocks(connection: duckdb.DuckDBPyConnection, types: dict[str, str]) -> bool:
    """Whether every value is a time of day, and some is."""
    is_clock = f"regexp_matches({_clock_sql(types)}, '{_CLOCK}')"
    some, others, dated = connection.execute(
        f"""SELECT count(*) FILTER (WHERE {is_clock}), count(*) FILTER (WHERE NOT {is_clock}),
               count(*) FILTER (WHERE regexp_matches(CAST(day AS VARCHAR), ':') AND NOT
                                      regexp_matches(CAST(day AS VARCHAR), '{_MIDNIGHT}'))
        FROM raw WHERE trim(CAST(clock AS VARCHAR)) <> ''"""
    ).fetchall()[0]
    return bool(some) and not others and not dated
