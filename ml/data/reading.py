"""A retailer's file → the table `raw` in DuckDB: parquet and NDJSON as they are, CSV and workbooks as texts."""

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from ml.data.columns import UnusableTransactions
from ml.data.encodings import as_utf8

_TEXTS: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
_WORKBOOKS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_SEPARATORS: Final = ",;\t|"


@dataclass(frozen=True, slots=True)
class Source:
    """What DuckDB reads a file by, and how it was saved: sentences, and the sign between columns (None: no text)."""

    sql: str
    notes: tuple[str, ...] = ()
    separator: str | None = None


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def open_source(path: Path, encoding: str | None = None) -> Iterator[Source]:
    """The file, by its ending, for as long as it is read.

    Raises UnusableTransactions for an ending that is none of these, or an encoding that cannot be told.
    """
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        yield Source(f"read_parquet({literal(str(path))})")
    elif name.endswith((".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")):
        yield Source(f"read_ndjson({literal(str(path))})")
    elif name.endswith(_WORKBOOKS):
        with TemporaryDirectory(prefix="perennial-") as directory:
            copy = Path(directory, "sheet.csv")
            note = _write_sheet(path, copy)
            yield Source(_csv_sql(copy, ",", 0), (note,), None)
    elif name.endswith(_TEXTS):
        with as_utf8(path, encoding) as (text, found):
            separator, skipped = _tell_separator(text)
            notes = () if found == "utf-8" else (f"Read as {found.upper()}.",)
            yield Source(_csv_sql(text, separator, skipped), notes, separator)
    else:
        endings = ".parquet, .csv, .tsv, .txt, .xlsx, .xls, .ods, .ndjson, .jsonl"
        raise UnusableTransactions(f"{path.name}: the ending is none of {endings}")


def _csv_sql(path: Path, separator: str, skipped: int) -> str:
    """All columns as texts: an id keeps its leading zeros. Lines that cannot be split are kept aside, not lost."""
    return (
        f"read_csv({literal(str(path))}, all_varchar=true, header=true, delim={literal(separator)}, quote='\"', "
        f"escape='\"', skip={skipped}, store_rejects=true, max_line_size=10000000)"
    )


def _tell_separator(path: Path) -> tuple[str, int]:
    """The sign between columns, by the header or by the line `sep=;` before it, and how many lines are before it."""
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(1 << 20)
    if stated := re.fullmatch(r'"?sep=(.)"?', first.strip("\r\n")):
        return stated[1], 1
    outside = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=outside.count), 0


def _write_sheet(path: Path, copy: Path) -> str:
    """Writes the first sheet that has rows as CSV. Returns a sentence that names it."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheets = {name: workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names}
    except (CalamineError, OSError) as error:
        raise UnusableTransactions(f"{path.name} is no workbook that can be read: save it as .xlsx or .csv") from error
    filled = [name for name, rows in sheets.items() if any(any(cell != "" for cell in row) for row in rows)]
    if not filled:
        raise UnusableTransactions(f"{path.name} has no lines.")
    rows = [row for row in sheets[filled[0]] if sum(cell != "" for cell in row) > 1]
    with copy.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([_cell(cell) for cell in row] for row in rows)
    others = f"; {len(filled) - 1} more sheets are not read" if len(filled) > 1 else ""
    return f"Read from sheet {filled[0]!r}{others}."


def _cell(value: Any) -> str:
    """A cell as text: a whole number without its `.0`, a time as ISO 8601."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def load_raw(connection: duckdb.DuckDBPyConnection, source: Source, found: dict[str, str]) -> dict[str, str]:
    """Makes the table `raw` of the columns that mean something, named by their meaning. Returns their types."""
    chosen = ", ".join(f"{quoted(name)} AS {meaning}" for meaning, name in found.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE raw AS SELECT {chosen} FROM {source.sql}")
    described = connection.execute("DESCRIBE raw").fetchall()
    texts = [meaning for meaning, kind, *_ in described if not _is_plain(kind)]
    for meaning in texts:
        connection.execute(f"ALTER TABLE raw ALTER {meaning} TYPE VARCHAR")
    return {meaning: "VARCHAR" if meaning in texts else kind for meaning, kind, *_ in described}


def _is_plain(kind: str) -> bool:
    return kind.startswith(("DECIMAL", "TIMESTAMP")) or kind in _PLAIN


_PLAIN: Final[Sequence[str]] = (
    *(
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
    ),
    *("FLOAT", "DOUBLE", "BOOLEAN", "DATE", "VARCHAR"),
)


def is_number(kind: str) -> bool:
    """Whether a type of DuckDB is one of numbers."""
    return kind.startswith("DECIMAL") or kind in _PLAIN[:12]
