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

from benchmarks.databases import as_text, execute, fresh_database, postgres
from benchmarks.filling import TIDY, fill_states
from benchmarks.options import add_models, chosen_models, make_parser, open_console
from benchmarks.processes import PERENNIAL, ServerFailed, run_command
from benchmarks.report import Comparison, Round, ratio_table, ratios, write_json
from benchmarks.systems import Unavailable, make_home, register_newest

SECONDS: Final = "seconds"
PEAK_MB: Final = "peak_mb"
LATER: Final = """\
import sys, time
now_ns, sys.argv = time.time_ns, ["perennial", "sweep"]
time.time_ns = lambda: now_ns() + 30 * 86_400 * 10**9
from app.cli import main
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
            server = resources.enter_context(postgres(arguments.database_url))
            database = resources.enter_context(fresh_database(server, "benchmark_sweep"))
            home = make_home(resources)
            settings = {"PERENNIAL_HOME": str(home), "PERENNIAL_DATABASE_URL": as_text(database)}
            run_command([PERENNIAL, "migrate"], settings)
            register_newest(chosen_models(arguments), settings)
            console.print(f"round {number} of {arguments.rounds}: filling {arguments.customers:,} customers")
            fill_states(database, arguments.customers)
            for name, command in SWEEPS.items():
                rounds += measure(name, command, database, settings, number)
                console.print(describe(rounds[-1]), markup=False)
                execute(database, *TIDY)
    return rounds


def measure(
    name: str, command: Sequence[str | Path], database: URL, settings: Mapping[str, str], number: int
) -> list[Round]:
    """The floor, and the sweep."""
    floor = {SECONDS: asyncio.run(read_rows(database))}
    ran = run_command(command, settings)
    figures = {SECONDS: ran.seconds, PEAK_MB: ran.peak_mb, "said": ran.output}
    return [Round(f"rows, {name}", 1, number, floor), Round(name, 1, number, figures)]


def describe(each: Round) -> str:
    figures = each.figures
    return f"{each.system}: {figures[SECONDS]:.1f} s, at most {figures[PEAK_MB]:.0f} MB; {figures['said']}"


def main() -> None:
    parser = make_parser("sweep", __doc__ or "", rounds=1)
    add_models(parser)
    parser.add_argument("--customers", type=int, default=1_000_000)
    arguments, console = parser.parse_args(), open_console()
    try:
        rounds = run(arguments, console)
    except (ServerFailed, Unavailable) as reason:
        console.print(f"skipped all: {reason}", markup=False)
        return
    found = ratios(rounds, COMPARISONS)
    title = f"{arguments.customers:,} customers, median (least–most) of {arguments.rounds} rounds"
    console.print(ratio_table(found, title, extent="ratio"))
    if arguments.json:
        write_json(arguments.json, rounds, found, customers=arguments.customers)


if __name__ == "__main__":
    main()
