"""Other currencies → the deployment's, at rates that the user gives: constant, or of days."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from ml.data.columns import UnusableTransactions

_MONEY: Final = ("amount", "unit_price", "discount", "refunded")
_ALWAYS: Final = date(1, 1, 1)
_CODE: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Rates:
    """`CODE=RATE`: what one unit of a currency is in the deployment's; and a CSV file of date, currency, rate."""

    constant: tuple[str, ...] = ()
    file: str | None = None

    def read(self) -> list[tuple[str, date, float]]:
        """(Currency, the day from which it holds, rate). Raises UnusableTransactions."""
        found = [(*_pair(each, f"--rate is CODE=RATE, as EUR=7.85, not {each!r}"), _ALWAYS) for each in self.constant]
        rows = [(code, day, rate) for code, rate, day in found]
        return rows + (_read_file(Path(self.file)) if self.file else [])


def _pair(text: str, refusal: str) -> tuple[str, float]:
    code, _, rate = text.partition("=")
    return _checked(code, rate, refusal)


def _checked(code: str, rate: str, refusal: str) -> tuple[str, float]:
    try:
        value = float(rate)
    except ValueError:
        value = 0.0
    if not _CODE.fullmatch(code.strip().upper()) or not 0 < value < 1e9:
        raise UnusableTransactions(refusal)
    return code.strip().upper(), value


def _read_file(path: Path) -> list[tuple[str, date, float]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise UnusableTransactions(f"{path.name} (--rates) is no file of UTF-8 that can be read") from error
    return [row for number, cells in enumerate(csv.reader(lines), 1) if (row := _row(path, number, cells))]


def _row(path: Path, number: int, cells: Sequence[str]) -> tuple[str, date, float] | None:
    if not any(cells) or (number == 1 and cells[0].strip().lower() == "date"):
        return None
    refusal = f"{path.name} (--rates), line {number}: it is date,currency,rate, as 2026-10-01,EUR,7.85"
    if len(cells) < 3:
        raise UnusableTransactions(refusal)
    try:
        day = date.fromisoformat(cells[0].strip())
    except ValueError as error:
        raise UnusableTransactions(refusal) from error
    code, rate = _checked(cells[1], cells[2], refusal)
    return code, day, rate


def load_rates(connection: duckdb.DuckDBPyConnection, rates: Rates) -> bool:
    """Makes the table `rates`; returns whether there is any."""
    rows = rates.read()
    connection.execute("CREATE OR REPLACE TEMP TABLE rates (currency VARCHAR, day DATE, rate DOUBLE)")
    if rows:
        connection.executemany("INSERT INTO rates VALUES (?, ?, ?)", rows)
    return bool(rows)


def converted_sql(read: str, own: Sequence[str]) -> str:
    """The lines of `read`, their money in the deployment's currency where a rate of their day or before it is known.

    `own`: words for the deployment's currency. A line that is converted says no currency.
    """
    names = ", ".join("'" + each.replace("'", "''") + "'" for each in own)
    told = f"upper(trim(line.currency)) NOT IN ('', {names})"
    money = ", ".join(
        f"{each} * coalesce(rate, 1) AS {each}" for each in ("amount", "unit_price", "discount", "refunded")
    )
    return f"""
        SELECT * EXCLUDE (rate)
               REPLACE ({money}, CASE WHEN rate IS NULL THEN currency END AS currency)
        FROM (SELECT line.*, rates.rate FROM ({read}) AS line
              ASOF LEFT JOIN rates ON {told} AND upper(trim(line.currency)) = rates.currency
                                      AND CAST(line.moment AS DATE) >= rates.day)"""


def count_converted(connection: duckdb.DuckDBPyConnection, told: str) -> int:
    """How many lines of `judged` count in another currency than they were written in: `told`, in SQL over `raw`."""
    converted = f"trim({told}) <> '' AND judged.currency IS NULL AND reason IS NULL"
    query = f"SELECT count(*) FROM judged JOIN raw ON raw.rowid + 1 = row WHERE {converted}"
    return int(connection.execute(query).fetchall()[0][0])
