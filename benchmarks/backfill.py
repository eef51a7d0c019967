"""`perennial backfill` of many customers over 24 month ends, against reading their events bare.

    python -m benchmarks.backfill [--customers 1000000] [--models DIR] [--json FILE]

Twenty orders a customer over two years. Two runs: the first, which judges everybody now, too; and one of everybody
again. Before each, the floor: one COPY of what is read of the events, as text, to nowhere.
"""

import argparse
from contextlib import ExitStack
from typing import Final

from rich.console import Console

from benchmarks.commands import SECONDS, Sent, full_store, make_store_parser, run_and_report, time_beside
from benchmarks.filling import EVENTS_A_CUSTOMER, fill_events
from benchmarks.processes import PERENNIAL
from benchmarks.report import Comparison, Round
from ml.data.database import EVENT_COLUMNS

RUNS: Final = {"first": (PERENNIAL, "backfill"), "again": (PERENNIAL, "backfill", "--again")}
FLOOR: Final = Sent("events", "csv", tuple(EVENT_COLUMNS))
COMPARISONS: Final = tuple(
    Comparison(f"time: backfill, {name} / reading the events", SECONDS, name, f"floor, {name}") for name in RUNS
)


def run(arguments: argparse.Namespace, console: Console) -> list[Round]:
    """A round of two runs each on a store of its own. Raises ServerFailed, Unavailable."""
    rounds: list[Round] = []
    for number in range(1, arguments.rounds + 1):
        with ExitStack() as resources:
            console.print(f"round {number} of {arguments.rounds}: filling {arguments.customers:,} customers")
            store = full_store(
                resources, arguments, "backfill", lambda at, many: fill_events(at, 0, many * EVENTS_A_CUSTOMER)
            )
            rounds += time_beside(console, RUNS, FLOOR, store, number)
    return rounds


def main() -> None:
    run_and_report(make_store_parser("backfill", __doc__ or "", rounds=1).parse_args(), run, COMPARISONS)


if __name__ == "__main__":
    main()
