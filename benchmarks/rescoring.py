"""`perennial score` of many customers, against reading their states alone.

    python -m benchmarks.rescoring [--customers 1000000] [--models DIR] [--json FILE]

The floor, before each run: the same reader in a process of its own, that drops what it has read. What
counts of the command is everything, from its start to its end; what counts of the floor is the reading.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from rich.console import Console
from sqlalchemy import URL

from app.db import Driver, create_engine
from app.scores.publishing import read_everybody
from benchmarks.databases import as_text, execute, fresh_database, postgres, read_value
from benchmarks.filling import TIDY, fill_states
from benchmarks.options import add_models, chosen_models, make_parser, open_console
from benchmarks.processes import PERENNIAL, ServerFailed, run_command
from benchmarks.report import Comparison, Round, ratio_table, ratios, write_json
from benchmarks.systems import Unavailable, make_home, register_newest

SECONDS: Final = "seconds"
PEAK_MB: Final = "peak_mb"
OURS, FLOOR = "rescoring", "reading"
COMPARISONS: Final = (Comparison("time: rescoring / reading the states", SECONDS, OURS, FLOOR),)
DATABASE: Final = "PERENNIAL_DATABASE_URL"


async def read_all() -> int:
    """How many customers there are, by reading all their states."""
    engine = create_engine(os.environ[DATABASE])
    driver, customers = Driver(engine), 0
    async for customer_ids, _ in read_everybody(driver):
        customers += len(customer_ids)
    await driver.close()
    await engine.dispose()
    return customers


def run(arguments: argparse.Namespace, console: Console) -> list[Round]:
    """Rounds of floor and command on one store. Raises ServerFailed, Unavailable."""
    rounds: list[Round] = []
    with ExitStack() as resources:
        server = resources.enter_context(postgres(arguments.database_url))
        database = resources.enter_context(fresh_database(server, "benchmark_rescoring"))
        settings = {"PERENNIAL_HOME": str(make_home(resources)), DATABASE: as_text(database)}
        run_command([PERENNIAL, "migrate"], settings)
        register_newest(chosen_models(arguments), settings)
        console.print(f"filling {arguments.customers:,} customers")
        fill_states(database, arguments.customers)
        for number in range(1, arguments.rounds + 1):
            for side in (FLOOR, OURS):
                rounds.append(measure(side, settings, number))
                console.print(describe(rounds[-1]), markup=False)
            check(database, arguments.customers)
            execute(database, *TIDY)
    return rounds


def measure(side: str, settings: Mapping[str, str], number: int) -> Round:
    if side == OURS:
        ran = run_command([PERENNIAL, "score"], settings)
        return Round(side, 1, number, {SECONDS: ran.seconds, PEAK_MB: ran.peak_mb, "said": ran.output})
    ran = run_command([sys.executable, "-m", "benchmarks.rescoring", "--read"], settings)
    return Round(side, 1, number, {SECONDS: float(ran.output), PEAK_MB: ran.peak_mb, "said": "read and dropped"})


def check(database: URL, customers: int) -> None:
    """Raises ServerFailed where somebody has no score."""
    scored = read_value(database, "SELECT count(*) FROM scores")
    if scored != customers:
        raise ServerFailed(f"{scored:,} of {customers:,} customers have a score")


def describe(each: Round) -> str:
    figures = each.figures
    return f"{each.system}: {figures[SECONDS]:.1f} s, at most {figures[PEAK_MB]:.0f} MB; {figures['said']}"


def main() -> None:
    parser = make_parser("rescoring", __doc__ or "", rounds=3)
    add_models(parser)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        began = time.monotonic()
        asyncio.run(read_all())
        print(time.monotonic() - began)
        return
    console = open_console()
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
