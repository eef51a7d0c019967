"""The memory of the server after 10,000 requests, beside that of a bare Starlette server.

    python -m benchmarks.memory [--requests 10000] [--models DIR] [--json FILE]

`perennial` answers checkouts, events, scores, decisions and profiles in equal parts, `floor` checkouts alone.
Resident memory is read once the server is ready, after a tenth of the requests, and after all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import Final

from rich.console import Console

from benchmarks.baskets import checkouts
from benchmarks.databases import postgres
from benchmarks.load import run_load
from benchmarks.options import add_models, make_parser, open_console, plan_of
from benchmarks.processes import Server, ServerFailed, resident_mb
from benchmarks.report import Comparison, Round, error_lines, ratio_table, ratios, write_json
from benchmarks.requests import mixture
from benchmarks.systems import Bench, Plan, Unavailable, read_method, start_floor, start_service

CONNECTIONS: Final = 8
RESIDENT_MB: Final = "resident_mb"
COMPARISONS: Final = (Comparison("memory: perennial / floor", RESIDENT_MB, "perennial", "floor"),)

Requests = Callable[[], Iterator[bytes]]


def measure(name: str, server: Server, requests: Requests, counts: tuple[int, ...]) -> list[Round]:
    """Resident memory at the start, then after each of these numbers of requests in all."""
    rounds = [Round(name, 0, 1, {RESIDENT_MB: resident_mb(server.pid)})]
    sent, endless = 0, requests()
    for count in counts:
        load = run_load(server.host, server.port, islice(endless, count - sent), connections=CONNECTIONS)
        sent = count
        rounds.append(Round(name, count, 1, {RESIDENT_MB: resident_mb(server.pid), "errors": load.errors}))
    return rounds


def open_service(bench: Bench) -> tuple[Server, Requests]:
    service = start_service(bench, "ingest", "decide", "read")
    at_start_mb = resident_mb(service.server.pid)
    method, version = read_method(service.server, service.api_key)
    bench.console.print(f"perennial scores by {method}, model {version}; ready with {at_start_mb:.0f} MB")
    return service.server, partial(mixture, service.server.port, service.api_key)


def open_bare(bench: Bench) -> tuple[Server, Requests]:
    server = start_floor(bench)
    return server, partial(checkouts, server.port)


def run(plan: Plan, database_url: str | None, counts: tuple[int, ...], console: Console) -> list[Round]:
    rounds: list[Round] = []
    for name, open_system in {"perennial": open_service, "floor": open_bare}.items():
        with ExitStack() as resources:
            try:
                server = resources.enter_context(postgres(database_url))
                rounds += measure(name, *open_system(Bench(plan, server, resources, console)), counts)
            except (Unavailable, ServerFailed) as reason:
                console.print(f"skipped {name}: {reason}", markup=False)
    return rounds


def main() -> None:
    parser = make_parser("memory", __doc__ or "", rounds=1)
    add_models(parser)
    parser.add_argument("--requests", type=int, default=10_000)
    arguments, console = parser.parse_args(), open_console()
    counts = (arguments.requests // 10, arguments.requests)
    rounds = run(plan_of(arguments, (CONNECTIONS,)), arguments.database_url, counts, console)
    for each in rounds:
        console.print(f"{each.system}, {each.connections:,} requests: {each.figures[RESIDENT_MB]:.1f} MB")
    found = ratios(rounds, COMPARISONS)
    if found:
        console.print(ratio_table(found, "resident memory", extent="{:,} requests"))
    for line in error_lines(rounds):
        console.print(f"not answered: {line}", markup=False)
    if arguments.json:
        write_json(arguments.json, rounds, found)


if __name__ == "__main__":
    main()
