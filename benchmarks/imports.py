"""`perennial import` of a transactions file, against a bare COPY of the same rows.

    python -m benchmarks.imports --data FILE [--currency GBP] [--json FILE]

The floor is one COPY of the file's rows, as CSV, into a table without indexes in the same Postgres.
The import is measured twice: the whole command, start and reading included, and from its first
statement to its last. Every import is into an empty database.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from rich.console import Console
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.databases import as_text, execute, fresh_database, postgres, read_value
from benchmarks.options import make_parser, open_console
from benchmarks.processes import PERENNIAL, ServerFailed, run_command
from benchmarks.report import Comparison, Round, ratio_table, ratios, write_json
from ml.data.transactions import UnusableTransactions, file_columns, scan

WHOLE_PER_S: Final = "lines_per_s"
COUNTING_PER_S: Final = "counting_lines_per_s"
PEAK_MB: Final = "peak_mb"
COMPARISONS: Final = (
    Comparison("order lines/s: whole import / COPY", WHOLE_PER_S, "import", "copy"),
    Comparison("order lines/s: counting alone / COPY", COUNTING_PER_S, "import", "copy"),
)
TYPES: Final = {
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
    "DATE": "date",
}
"""DuckDB's → Postgres'; the rest is text."""
COUNTING_S: Final = "SELECT (finished_us - began_us) / 1e6 FROM imports"


@dataclass(frozen=True, slots=True)
class Rows:
    """A file's rows as CSV, how many, and the columns of a table for them."""

    csv: Path
    lines: int
    columns: str


def read_rows(data: Path, directory: Path) -> Rows:
    """Writes the rows to a CSV file. Raises UnusableTransactions."""
    csv = directory / "rows.csv"
    with duckdb.connect() as connection:
        file_columns(connection, data)  # says what is wrong with a file
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan(data)}").fetchall()
        connection.execute(f"COPY (SELECT * FROM {scan(data)}) TO '{csv}' (FORMAT csv, HEADER false)")
        (row,) = connection.execute(f"SELECT count(*) FROM {scan(data)}").fetchall()
    columns = ", ".join(f'"{name}" {TYPES.get(kind, "text")}' for name, kind, *_ in described)
    return Rows(csv, row[0], columns)


def measure_copy(server: URL, rows: Rows) -> Mapping[str, Any]:
    """One COPY into a table of its own."""
    with fresh_database(server, "benchmark_copy") as database:
        execute(database, f"CREATE TABLE rows ({rows.columns})", "CHECKPOINT")
        per_s = rows.lines / asyncio.run(_copy(database, rows.csv))
    return {WHOLE_PER_S: per_s, COUNTING_PER_S: per_s}


async def _copy(database: URL, csv: Path) -> float:
    """Seconds."""
    engine = create_async_engine(database)
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        began = time.perf_counter()
        await driver.copy_to_table("rows", source=csv, format="csv")
        seconds = time.perf_counter() - began
    await engine.dispose()
    return seconds


def measure_import(server: URL, data: Path, rows: Rows, settings: Mapping[str, str]) -> Mapping[str, Any]:
    """One import into a database of its own, migrated before. Raises ServerFailed."""
    with fresh_database(server, "benchmark_import") as database:
        here = {**settings, "PERENNIAL_DATABASE_URL": as_text(database)}
        run_command([PERENNIAL, "migrate"], here)
        execute(database, "CHECKPOINT")
        ran = run_command([PERENNIAL, "import", data], here)
        counting_s = float(read_value(database, COUNTING_S))
    return {WHOLE_PER_S: rows.lines / ran.seconds, COUNTING_PER_S: rows.lines / counting_s, PEAK_MB: ran.peak_mb}


def run(arguments: argparse.Namespace, console: Console) -> list[Round]:
    """All rounds, COPY and import in turn."""
    rounds = []
    with ExitStack() as resources:
        directory = Path(resources.enter_context(TemporaryDirectory(prefix="perennial-benchmark-")))
        rows = read_rows(arguments.data, directory)
        server = resources.enter_context(postgres(arguments.database_url))
        # The compiled modules are kept between rounds, as an installation keeps them.
        settings = {
            "PERENNIAL_HOME": str(directory / "home"),
            "PERENNIAL_CURRENCY": arguments.currency,
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(directory / "compiled"),
        }
        run_command([PERENNIAL, "import", "--help"], settings)
        for number in range(1, arguments.rounds + 1):
            console.print(f"{rows.lines:,} lines, round {number} of {arguments.rounds}")
            rounds.append(Round("copy", 1, number, measure_copy(server, rows)))
            rounds.append(Round("import", 1, number, measure_import(server, arguments.data, rows, settings)))
    return rounds


def peak_line(rounds: Sequence[Round]) -> str:
    peaks_mb = [each.figures[PEAK_MB] for each in rounds if PEAK_MB in each.figures]
    return f"memory of the import at its peak: {median(peaks_mb):.0f} MB (most {max(peaks_mb):.0f})"


def main() -> None:
    parser = make_parser("imports", __doc__ or "")
    parser.add_argument("--data", type=Path, help="parquet, CSV or NDJSON of order lines")
    parser.add_argument("--currency", default="GBP")
    arguments, console = parser.parse_args(), open_console()
    if arguments.data is None or not arguments.data.is_file():
        console.print("skipped all: name a file of order lines with --data")
        return
    try:
        rounds = run(arguments, console)
    except (ServerFailed, UnusableTransactions) as reason:
        console.print(f"skipped all: {reason}", markup=False)
        return
    found = ratios(rounds, COMPARISONS)
    console.print(ratio_table(found, f"median (least–most) of {arguments.rounds} rounds", extent="ratio"))
    console.print(peak_line(rounds))
    if arguments.json:
        write_json(arguments.json, rounds, found, data=arguments.data.name)


if __name__ == "__main__":
    main()
