"""`perennial sweep` of many customers, against reading their rows bare.

    python -m benchmarks.sweep [--customers 1000000] [--models DIR] [--json FILE]

Three sweeps: the first, which records everybody's stage; one more, when nothing has changed; and one by
a clock that is 30 days on. Before each, the floor: one binary COPY of customer_states to nowhere.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.commands import SECONDS, Sent, full_store, make_store_parser, run_and_report, time_beside
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
FLOOR: Final = Sent("customer_states", "binary")
COMPARISONS: Final = tuple(
    Comparison(f"time: sweep, {name} / reading the rows", SECONDS, name, f"floor, {name}") for name in SWEEPS
)


def run(arguments: argparse.Namespace, console: Console) -> list[Round]:
    """A round of three sweeps each on a store of its own. Raises ServerFailed, Unavailable."""
    rounds: list[Round] = []
    for number in range(1, arguments.rounds + 1):
        with ExitStack() as resources:
            console.print(f"round {number} of {arguments.rounds}: filling {arguments.customers:,} customers")
            store = full_store(resources, arguments, "sweep")
            rounds += time_beside(console, SWEEPS, FLOOR, store, number)
    return rounds


def main() -> None:
    run_and_report(make_store_parser("sweep", __doc__ or "", rounds=1).parse_args(), run, COMPARISONS)


if __name__ == "__main__":
    main()
