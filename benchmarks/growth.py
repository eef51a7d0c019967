"""The cost of an event in ever larger stores, against a small one in the same minute.

    python -m benchmarks.growth [--large] [--json FILE]

The store is filled to 10^4, 10^5 and 10^6 events (with --large to 10^7), 20 a customer. At each
size pgbench runs the statement that counts one event, 8 clients at a time, against it and against a
store of 10^4 events made anew, in turn.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from math import log10
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from sqlalchemy import URL

from benchmarks.databases import create_tables, execute, find_postmaster, fresh_database, postgres, read_value
from benchmarks.filling import EVENTS_A_CUSTOMER, TIDY, fill_events
from benchmarks.options import make_parser, open_console
from benchmarks.pgbench import find_pgbench, run_pgbench
from benchmarks.processes import children_cpu_seconds
from benchmarks.report import ANSWERS_PER_S, P99_MS, Comparison, Round, ratio_table, ratios, write_json
from benchmarks.statements import single_event_statement

CLIENTS: Final = 8
SMALL: Final = 10_000
SIZES: Final = (SMALL, 100_000, 1_000_000)
LARGE: Final = 10_000_000
DATABASE_CPU_US: Final = "database_cpu_us"
WAL_BYTES: Final = "wal_bytes"
GOING_S: Final = 0.5
SECONDS_A_MILLION: Final = 9
WRITTEN: Final = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"


class Store:
    """A database of so many events, under pgbench."""

    def __init__(self, database: URL, program: Path) -> None:
        self.database = database
        self._program = program
        self._statement = single_event_statement()
        self.events = 0
        create_tables(database)

    def fill(self, events: int) -> None:
        """Adds customers and events until there are so many; what pgbench added comes on top."""
        fill_events(self.database, self.events, events)
        self.events = events

    def measure(self, seconds: float) -> Mapping[str, Any]:
        """Events per second; and of each the log it writes ahead, and the database's CPU where it is at hand."""
        postmaster = find_postmaster(self.database)
        written, cpu_s = read_value(self.database, WRITTEN), _ended_cpu_seconds(postmaster)
        ran = run_pgbench(
            self._program,
            self.database,
            self._statement,
            connections=CLIENTS,
            seconds=seconds,
            customers=self.events // EVENTS_A_CUSTOMER,
        )
        spent_s, counted = _ended_cpu_seconds(postmaster) - cpu_s, ran.per_s * seconds
        return {
            ANSWERS_PER_S: ran.per_s,
            P99_MS: ran.p99_ms,
            DATABASE_CPU_US: spent_s / counted * 1e6 if postmaster else None,
            WAL_BYTES: float(read_value(self.database, WRITTEN) - written) / counted,
        }


def _ended_cpu_seconds(postmaster: int | None) -> float:
    """Of the backends that are gone: pgbench's are a moment after it has ended."""
    time.sleep(GOING_S)
    return 0.0 if postmaster is None else children_cpu_seconds(postmaster)


def name_of(events: int) -> str:
    return f"10^{log10(events):.0f} events"


def beside(events: int) -> str:
    """The small store's name in the rounds of a size."""
    return f"small beside {name_of(events)}"


def comparisons(sizes: Sequence[int]) -> Iterator[Comparison]:
    for events in sizes:
        store, small = name_of(events), beside(events)
        # Clients wait for their answers, so time an event is the inverse of events a second.
        yield Comparison(f"time an event: {store} / {name_of(SMALL)}", ANSWERS_PER_S, small, store)
        yield Comparison(f"database CPU an event: {store} / {name_of(SMALL)}", DATABASE_CPU_US, store, small)
        yield Comparison(f"log written an event: {store} / {name_of(SMALL)}", WAL_BYTES, store, small)


def warm_up_s(events: int, least_s: int) -> int:
    """Until most pages have been touched: the first touch after a checkpoint writes a page to the log whole."""
    return least_s + events * SECONDS_A_MILLION // 1_000_000


def measure_size(server: URL, store: Store, program: Path, arguments: argparse.Namespace) -> Iterator[Round]:
    """The rounds of the size that the store has now."""
    with fresh_database(server, "benchmark_small") as database:
        small = Store(database, program)
        small.fill(SMALL)
        pair = {name_of(store.events): store, beside(store.events): small}
        for each in pair.values():
            each.measure(warm_up_s(each.events, arguments.warm_up))
        for number in range(1, arguments.rounds + 1):
            for name, each in pair.items():
                yield Round(name, CLIENTS, number, each.measure(arguments.seconds))


def run(sizes: Sequence[int], arguments: argparse.Namespace, program: Path, console: Console) -> list[Round]:
    rounds: list[Round] = []
    with ExitStack() as resources:
        server = resources.enter_context(postgres(arguments.database_url))
        database = resources.enter_context(fresh_database(server, "benchmark_growth"))
        store = Store(database, program)
        for events in sizes:
            console.print(f"filling to {events:,} events")
            store.fill(events)
            execute(database, *TIDY)
            rounds += measure_size(server, store, program, arguments)
    return rounds


def main() -> None:
    parser = make_parser("growth", __doc__ or "", rounds=15)
    parser.add_argument("--seconds", type=int, default=3, help="for each store in each round")
    parser.add_argument("--warm-up", type=int, default=15, help="seconds before, in stores of few events")
    parser.add_argument("--large", action="store_true", help="to 10^7 events too")
    arguments, console = parser.parse_args(), open_console()
    program = find_pgbench()
    if program is None:
        console.print("skipped all: neither a Postgres wheel nor the system has pgbench")
        return
    sizes = (*SIZES, LARGE) if arguments.large else SIZES
    rounds = run(sizes, arguments, program, console)
    found = ratios(rounds, comparisons(sizes))
    console.print(ratio_table(found, f"median (least–most) of {arguments.rounds} rounds of {arguments.seconds:g} s"))
    if arguments.json:
        write_json(arguments.json, rounds, found, seconds=arguments.seconds)


if __name__ == "__main__":
    main()
