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

from app.database.engine import Driver, create_engine
from app.scores.publishing import read_everybody
from benchmarks.commands import (
    DATABASE,
    PEAK_MB,
    SECONDS,
    describe,
    full_store,
    make_store_parser,
    run_and_report,
    time_command,
)
from benchmarks.databases import execute, read_value
from benchmarks.filling import TIDY
from benchmarks.processes import PERENNIAL, ServerFailed, run_command
from benchmarks.report import Comparison, Round

OURS, FLOOR = "rescoring", "reading"
COMPARISONS: Final = (Comparison("time: rescoring / reading the states", SECONDS, OURS, FLOOR),)


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
        console.print(f"filling {arguments.customers:,} customers")
        database, settings = full_store(resources, arguments, "rescoring")
        for number in range(1, arguments.rounds + 1):
            for side in (FLOOR, OURS):
                rounds.append(measure(side, settings, number))
                console.print(describe(rounds[-1]), markup=False)
            check(database, arguments.customers)
            execute(database, *TIDY)
    return rounds


def measure(side: str, settings: Mapping[str, str], number: int) -> Round:
    if side == OURS:
        return time_command(side, [PERENNIAL, "score"], settings, number)
    ran = run_command([sys.executable, "-m", "benchmarks.rescoring", "--read"], settings)
    return Round(side, 1, number, {SECONDS: float(ran.output), PEAK_MB: ran.peak_mb, "said": "read and dropped"})


def check(database: URL, customers: int) -> None:
    """Raises ServerFailed where somebody has no score."""
    scored = read_value(database, "SELECT count(*) FROM scores")
    if scored != customers:
        raise ServerFailed(f"{scored:,} of {customers:,} customers have a score")


def main() -> None:
    parser = make_store_parser("rescoring", __doc__ or "", rounds=3)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        began = time.monotonic()
        asyncio.run(read_all())
        print(time.monotonic() - began)
        return
    run_and_report(arguments, run, COMPARISONS)


if __name__ == "__main__":
    main()
