"""Scores read per second over HTTP, against pgbench reading the rows that they are made of.

    python -m benchmarks.reads [--connections 32] [--models DIR] [--json FILE]

`perennial` answers GET /v1/customers/{id}/score from a store of 20,000 customers; `pgbench` selects every
column of one row of customer_states by its primary key in the same database, protocol prepared.
"""

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.databases import postgres
from benchmarks.filling import fill_states
from benchmarks.options import add_models, add_seconds, make_parser, open_console, plan_of
from benchmarks.pgbench import find_pgbench, run_pgbench
from benchmarks.processes import ServerFailed
from benchmarks.report import (
    ANSWERS_PER_S,
    P99_MS,
    Comparison,
    Round,
    error_lines,
    ratio_table,
    ratios,
    write_json,
)
from benchmarks.requests import scores
from benchmarks.systems import Bench, Measure, Plan, Service, Unavailable, read_method, send, start_service

CUSTOMERS: Final = 20_000
SELECT_ROW: Final = "SELECT * FROM customer_states WHERE customer_id = 'C-' || :customer_number"
COMPARISONS: Final = (
    Comparison("scores/s: perennial / pgbench", ANSWERS_PER_S, "perennial", "pgbench"),
    Comparison("p99 latency: perennial / pgbench", P99_MS, "perennial", "pgbench"),
)


def read_scores(service: Service, plan: Plan, connections: int, number: int) -> Mapping[str, Any]:
    """The figures of one round through HTTP."""
    server = service.server
    return send(server, plan, scores(server.port, service.api_key, CUSTOMERS, seed=number), connections)


def read_rows(program: Path, service: Service, plan: Plan, connections: int, _: int) -> Mapping[str, Any]:
    """The figures of one round without a service."""
    ran = run_pgbench(
        program, service.database, SELECT_ROW, connections=connections, seconds=plan.seconds, customers=CUSTOMERS
    )
    return {ANSWERS_PER_S: ran.per_s, P99_MS: ran.p99_ms}


def open_systems(bench: Bench) -> dict[str, Measure]:
    """Both on one store. Raises Unavailable, ServerFailed."""
    service = start_service(bench, "ingest", "decide", "read")
    fill_states(service.database, CUSTOMERS)
    method, version = read_method(service.server, service.api_key)
    bench.console.print(f"perennial scores by {method}, model {version}")
    systems: dict[str, Measure] = {"perennial": partial(read_scores, service, bench.plan)}
    program = find_pgbench()
    if program is None:
        bench.console.print("skipped pgbench: neither a Postgres wheel nor the system has it")
    else:
        systems["pgbench"] = partial(read_rows, program, service, bench.plan)
    return systems


def run(plan: Plan, database_url: str | None, console: Console) -> list[Round]:
    """All rounds, both systems in turn within a round."""
    rounds = []
    with ExitStack() as resources:
        server = resources.enter_context(postgres(database_url))
        try:
            systems = open_systems(Bench(plan, server, resources, console))
        except (Unavailable, ServerFailed) as reason:
            console.print(f"skipped all: {reason}", markup=False)
            return []
        for connections, number in product(plan.connections, range(1, plan.rounds + 1)):
            console.print(f"{connections} connections, round {number} of {plan.rounds}")
            rounds += [
                Round(name, connections, number, measure(connections, number)) for name, measure in systems.items()
            ]
    return rounds


def parse_arguments() -> argparse.Namespace:
    parser = make_parser("reads", __doc__ or "")
    add_seconds(parser)
    add_models(parser)
    parser.add_argument("--connections", type=int, nargs="+", default=[32])
    return parser.parse_args()


def main() -> None:
    arguments, console = parse_arguments(), open_console()
    plan = plan_of(arguments, tuple(arguments.connections))
    rounds = run(plan, arguments.database_url, console)
    found = ratios(rounds, COMPARISONS)
    title = f"median (least–most) of {plan.rounds} rounds of {plan.seconds:g} s"
    console.print(ratio_table(found, title) if found else "nothing was measured that can be compared")
    for line in error_lines(rounds):
        console.print(f"not answered: {line}", markup=False)
    if arguments.json:
        write_json(arguments.json, rounds, found, seconds=plan.seconds, customers=CUSTOMERS)


if __name__ == "__main__":
    main()
