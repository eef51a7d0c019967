"""`perennial backfill` of many customers over 24 month ends, against reading their events bare.

    python -m benchmarks.backfill [--customers 1000000] [--models DIR] [--json FILE]

Twenty orders a customer over two years. Two runs: the first, which judges everybody now, too; and one of everybody
again. Before each, the floor: one COPY of what is read of the events, as text, to nowhere.
"""

import argparse
import asyncio
import time
from contextlib import ExitStack
from typing import Any, Final

from rich.console import Console
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.commands import SECONDS, describe, full_store, make_store_parser, run_and_report, time_command
from benchmarks.databases import execute
from benchmarks.filling import EVENTS_A_CUSTOMER, TIDY, fill_events
from benchmarks.processes import PERENNIAL
from benchmarks.report import Comparison, Round
from ml.data.database import EVENT_COLUMNS

RUNS: Final = {"first": (PERENNIAL, "backfill"), "again": (PERENNIAL, "backfill", "--again")}
COMPARISONS: Final = tuple(
    Comparison(f"time: backfill, {name} / reading the events", SECONDS, name, f"events, {name}") for name in RUNS
)


async def read_events(database: URL) -> float:
    """Seconds that it takes to send what is read of every event, and to drop it."""
    engine = create_async_engine(database)
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        began = time.perf_counter()
        await driver.copy_from_table("events", columns=list(EVENT_COLUMNS), output=_drop, format="csv")
        seconds = time.perf_counter() - began
    await engine.dispose()
    return seconds


async def _drop(_: bytes) -> None:
    pass


def run(arguments: argparse.Namespace, console: Console) -> list[Round]:
    """A round of two runs each on a store of its own. Raises ServerFailed, Unavailable."""
    rounds: list[Round] = []
    for number in range(1, arguments.rounds + 1):
        with ExitStack() as resources:
            console.print(f"round {number} of {arguments.rounds}: filling {arguments.customers:,} customers")
            database, settings = full_store(
                resources, arguments, "backfill", lambda at, many: fill_events(at, 0, many * EVENTS_A_CUSTOMER)
            )
            for name, command in RUNS.items():
                floor = {SECONDS: asyncio.run(read_events(database))}
                rounds.append(Round(f"events, {name}", 1, number, floor))
                rounds.append(time_command(name, command, settings, number))
                console.print(describe(rounds[-1]), markup=False)
                execute(database, *TIDY)
    return rounds


def main() -> None:
    run_and_report(make_store_parser("backfill", __doc__ or "", rounds=1).parse_args(), run, COMPARISONS)


if __name__ == "__main__":
    main()
