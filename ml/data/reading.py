"""A retailer's file → the table `raw` in DuckDB: parquet and NDJSON as they are, CSV and workbooks as texts."""

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from ml.data.columns import CountKnown, UnusableTransactions, known_names
from ml.data.encodings import as_utf8
from ml.data.unreadable import MOST_BYTES, explain_json, explain_text, explain_workbook, is_text, read_start
from ml.data.workbooks import write_sheet

_TEXTS: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
_WORKBOOKS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_SEPARATORS: Final = ",;\t|"
_HEADER_WITHIN: Final = 30
_LONGEST_HEADER: Final = 100_000
_MAGIC_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class Source:
    """What DuckDB reads a file by, and how it was saved: sentences, and the sign between columns (None: no text)."""

    sql: str
    notes: tuple[str, ...] = ()
    separator: str | None = None
    explain: Callable[[Exception], str] = str
    """Why it cannot be read, in a sentence."""


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def open_source(
    path: Path, encoding: str | None = None, sheet: str | None = None, count_known: CountKnown = known_names
) -> Iterator[Source]:
    """The file, by its ending, for as long as it is read; a workbook that is a text, as a text.

    Header, encoding and sheet are told by the names of columns that `count_known` knows.

    Raises UnusableTransactions for an ending that is none of these, an encoding that cannot be told, what is no text.
    """
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        sentence = f"{path.name} is no Parquet that can be read: export it again"
        yield Source(f"read_parquet({literal(str(path))})", explain=lambda _: sentence)
    elif name.endswith((".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz", ".json")):
        read_start(path, _MAGIC_BYTES)
        read = "read_json" if name.endswith(".json") else "read_ndjson"
        yield Source(f"{read}({literal(str(path))})", explain=lambda _: explain_json(path))
    elif name.endswith(_WORKBOOKS):
        start = read_start(path, _MAGIC_BYTES)
        if is_text(start):
            note = f"{path.name} is no workbook, but a text, and is read as one."
            with _open_text(path, encoding, count_known, (note,)) as source:
                yield source
            return
        with TemporaryDirectory(prefix="perennial-") as directory:
            copy = Path(directory, "sheet.csv")
            note = write_sheet(path, copy, sheet, explain_workbook(path, start), count_known)
            yield Source(_csv_sql(copy, ",", 0), (note,), None, lambda _: explain_text(copy, path.name, ","))
    elif name.endswith(_TEXTS):
        with _open_text(path, encoding, count_known) as source:
            yield source
    else:
        endings = ".csv, .tsv, .txt, .xlsx, .xls, .ods, .parquet, .json, .ndjson, .jsonl"
        raise UnusableTransactions(f"{path.name}: the ending is none of {endings}")


@contextmanager
def _open_text(
    path: Path, encoding: str | None, count_known: CountKnown, notes: tuple[str, ...] = ()
) -> Iterator[Source]:
    with as_utf8(path, encoding, count_known) as (text, mended):
        separator, skipped, passed = _tell_header(text, count_known)
        said = (*notes, *mended, *passed)
        yield Source(
            _csv_sql(text, separator, skipped), said, separator, lambda _: explain_text(text, path.name, separator)
        )


def _csv_sql(path: Path, separator: str, skipped: int) -> str:
    """All columns as texts: an id keeps its leading zeros. Lines that cannot be split are kept aside, not lost."""
    return (
        f"read_csv({literal(str(path))}, all_varchar=true, header=true, delim={literal(separator)}, quote='\"', "
        f"escape='\"', skip={skipped}, store_rejects=true, max_line_size={MOST_BYTES})"
    )


def _tell_header(path: Path, count_known: CountKnown) -> tuple[str, int, tuple[str, ...]]:
    """The sign between columns, by the header or by the line `sep=;` before it; lines before the header; sentences.

    The header is the first line, unless one of those below it has more names of columns that are known.
    """
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
        lines = [line for _ in range(_HEADER_WITHIN) if (line := file.readline(1 << 20))]
    if lines and (stated := re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r\n"))):
        return stated[1], 1, ()
    known = [count_known(_cells(line)) for line in lines]
    at = known.index(max(known)) if known and max(known) > 1 and known[0] < 2 else 0
    passed = (f"The first {at} lines are passed over: the header is line {at + 1}.",) if at else ()
    return _separator(lines[at] if lines else ""), at, passed


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=re.sub(r'"[^"]*"', "", line).count)


def _cells(line: str) -> list[str]:
    if len(line) > _LONGEST_HEADER:
        return []
    return next(csv.reader([line.strip("\r\n")], delimiter=_separator(line)), [])


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
