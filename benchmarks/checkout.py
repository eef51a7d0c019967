"""Checkouts per second and CPU a checkout, against several floors in alternating rounds.

    python -m benchmarks.checkout [--seconds 5] [--json FILE]

`perennial` is the service as `perennial serve` runs it, `tutorial` and `async tutorial` the same promise as
tutorials write it, `pgbench` the service's own statement with one event a commit and no service before it,
`floor` a JSON answer without a database. Every printed figure is a ratio within a round.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.baskets import BASKET_SIZE
from benchmarks.databases import postgres
from benchmarks.processes import PERENNIAL, ServerFailed
from benchmarks.report import (
    ANSWERS_PER_S,
    P95_MS,
    P99_MS,
    SERVER_CPU_US,
    Comparison,
    Round,
    error_lines,
    ratio_table,
    ratios,
    write_json,
)
from benchmarks.statements import single_event_statement
from benchmarks.systems import OPENERS, Bench, Measure, Plan, Unavailable

MODELS: Final = Path("var/models")
TABLE_WIDTH: Final = 120
COMPARISONS: Final = (
    Comparison("checkouts/s: perennial / tutorial", ANSWERS_PER_S, "perennial", "tutorial"),
    Comparison("checkouts/s: perennial / tutorial, 1 thread", ANSWERS_PER_S, "perennial", "tutorial, 1 thread"),
    Comparison("checkouts/s: perennial / async tutorial", ANSWERS_PER_S, "perennial", "async tutorial"),
    Comparison(
        "checkouts/s: perennial / async tutorial, 1 thread", ANSWERS_PER_S, "perennial", "async tutorial, 1 thread"
    ),
    Comparison("checkouts/s: perennial / pgbench", ANSWERS_PER_S, "perennial", "pgbench"),
    Comparison("checkouts/s: perennial / floor", ANSWERS_PER_S, "perennial", "floor"),
    Comparison("checkouts/s: tutorial / pgbench", ANSWERS_PER_S, "tutorial", "pgbench"),
    Comparison("checkouts/s: async tutorial / pgbench", ANSWERS_PER_S, "async tutorial", "pgbench"),
    Comparison("checkouts/s: tutorial / floor", ANSWERS_PER_S, "tutorial", "floor"),
    Comparison("p95 latency: perennial / floor", P95_MS, "perennial", "floor"),
    Comparison("p95 latency: tutorial / floor", P95_MS, "tutorial", "floor"),
    Comparison("p99 latency: perennial / pgbench", P99_MS, "perennial", "pgbench"),
    Comparison("server CPU a checkout: perennial / floor", SERVER_CPU_US, "perennial", "floor"),
    Comparison("checkouts/s: order identity / perennial", ANSWERS_PER_S, "order identity", "perennial"),
    Comparison("p99 latency: order identity / perennial", P99_MS, "order identity", "perennial"),
    Comparison("server CPU a checkout: order identity / perennial", SERVER_CPU_US, "order identity", "perennial"),
    Comparison("checkouts/s: loyalty / perennial", ANSWERS_PER_S, "loyalty", "perennial"),
    Comparison("p99 latency: loyalty / perennial", P99_MS, "loyalty", "perennial"),
    Comparison("server CPU a checkout: loyalty / perennial", SERVER_CPU_US, "loyalty", "perennial"),
    Comparison("checkouts/s: perennial / release", ANSWERS_PER_S, "perennial", "release"),
    Comparison("p99 latency: perennial / release", P99_MS, "perennial", "release"),
    Comparison("server CPU a checkout: perennial / release", SERVER_CPU_US, "perennial", "release"),
    Comparison("server CPU a checkout: release / floor", SERVER_CPU_US, "release", "floor"),
    Comparison("server CPU a checkout: tutorial / floor", SERVER_CPU_US, "tutorial", "floor"),
)


def open_systems(bench: Bench) -> dict[str, Measure]:
    """The systems of the plan that can be measured; why another cannot is printed."""
    opened = {}
    for name in bench.plan.systems:
        try:
            opened[name] = OPENERS[name](bench)
        except (Unavailable, ServerFailed) as reason:
            bench.console.print(f"skipped {name}: {reason}", markup=False)
    return opened


def run(plan: Plan, database_url: str | None, console: Console) -> list[Round]:
    """All rounds: within a round every system in turn, so that a slow moment meets all of them."""
    rounds = []
    with ExitStack() as resources:
        server = resources.enter_context(postgres(database_url))
        systems = open_systems(Bench(plan, server, resources, console))
        for connections, number in product(plan.connections, range(1, plan.rounds + 1)):
            # Lines, not a spinner: its thread would take time from the load.
            console.print(f"{connections} connections, round {number} of {plan.rounds}", highlight=False)
            rounds += [
                Round(name, connections, number, measure(connections, number)) for name, measure in systems.items()
            ]
    return rounds


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkout", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="measured, for each system in each round")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds before them, not measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 32, 64])
    parser.add_argument("--systems", nargs="+", choices=list(OPENERS), default=list(OPENERS))
    parser.add_argument("--database-url", help="a Postgres to make databases in; without it an embedded one")
    parser.add_argument("--models", type=Path, help=f"artefacts to serve; by default {MODELS} if it is there")
    parser.add_argument("--statement", type=Path, help="SQL for pgbench instead of the service's own")
    parser.add_argument("--lines", type=int, default=BASKET_SIZE, help="of an order")
    parser.add_argument("--release", type=Path, default=PERENNIAL, help="the perennial of another installation")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    return parser.parse_args(words)


def make_plan(arguments: argparse.Namespace) -> Plan:
    statement = arguments.statement.read_text() if arguments.statement else single_event_statement()
    return Plan(
        systems=tuple(arguments.systems),
        connections=tuple(arguments.connections),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        warm_up_s=arguments.warm_up,
        statement=statement,
        models=arguments.models or (MODELS if MODELS.is_dir() else None),
        lines=arguments.lines,
        release=arguments.release,
    )


def main() -> None:
    arguments = parse_arguments()
    # An exit unwinds the stack, which stops the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    plan = make_plan(arguments)
    console = Console(width=max(TABLE_WIDTH, Console().width))
    rounds = run(plan, arguments.database_url, console)
    found = ratios(rounds, COMPARISONS)
    title = f"median (least–most) of {plan.rounds} rounds of {plan.seconds:g} s"
    console.print(ratio_table(found, title) if found else "nothing was measured that can be compared")
    for line in error_lines(rounds):
        console.print(f"not answered: {line}", markup=False)
    if arguments.json:
        write_json(arguments.json, rounds, found, seconds=plan.seconds, warm_up_s=plan.warm_up_s)


if __name__ == "__main__":
    main()
