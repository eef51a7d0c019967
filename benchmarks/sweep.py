"""`perennial sweep` of many customers, against reading their rows bare.

    python -m benchmarks.sweep [--customers 1000000] [--models DIR] [--json FILE]

Three sweeps: the first, which records everybody's stage; one more, when nothing has changed; and one by
a clock that is 30 days on. Before each, the floor: one binary COPY of customer_states to nowhere.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.commands import SECONDS, describe, full_store, make_store_parser, run_and_report, time_command
from benchmarks.databases import execute
from benchmarks.filling import TIDY
from benchmarks.processes import PERENNIAL
from benchmarks.report import Comparison, Round

LATER: Final = """\
import sys, time
now_ns, sys.argv = time.time_ns, ["perennial", "sweep"]
time.time_ns = lambda: now_ns() + 30 * 86_400 * 10**9
from app.commands.main import main
main()
"""
SWEEPS: Final[Mapping[str, Sequence[str | Path]]] = {
    "first": (PERENNIAL, "sweep"),
    "nothing changed": (PERENNIAL, "sweep"),
    "30 days on": (sys.executable, "-c", LATER),
}
COMPARISONS: Final = tuple(
    Comparison(f"time: sweep, {name} / reading the rows", SECONDS, name, f"rows, {name}") for name in SWEEPS
)


async def read_rows(database: URL) -> float:
    """Seconds that it takes to send every state, in the database's own binary form, and to drop it."""
    engine = create_async_engine(database)
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        began = time.perf_counter()
        await driver.copy_from_table("customer_states", output=_drop, format="binary")
        seconds = time.perf_counter() - began
    await engine.dispose()
    return seconds


async def _drop(_: bytes) -> None:
    pass


def run(arguments: argparse.Namespace, console: Console) -> list[Round]:
    """A round of three sweeps each on a store of its own. Raises ServerFailed, Unavailable."""
    rounds: list[Round] = []
    for number in range(1, arguments.rounds + 1):
        with ExitStack() as resources:
            console.print(f"round {number} of {arguments.rounds}: filling {arguments.customers:,} customers")
            database, settings = full_store(resources, arguments, "sweep")
            for name, command in SWEEPS.items():
                floor = {SECONDS: asyncio.run(read_rows(database))}
                rounds.append(Round(f"rows, {name}", 1, number, floor))
                rounds.append(time_command(name, command, settings, number))
                console.print(describe(rounds[-1]), markup=False)
                execute(database, *TIDY)
    return rounds


def main() -> None:
    run_and_report(make_store_parser("sweep", __doc__ or "", rounds=1).parse_args(), run, COMPARISONS)


if __name__ == "__main__":
    main()
