"""What the benchmarks of whole commands share: a store full of customers, and what a run came to."""

import argparse
import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

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
DATABASE: Final = "PERENNIAL_DATABASE_URL"


def make_store_parser(name: str, description: str, rounds: int) -> argparse.ArgumentParser:
    parser = make_parser(name, description, rounds=rounds)
    add_models(parser)
    parser.add_argument("--customers", type=int, default=1_000_000)
    return parser


def full_store(
    resources: ExitStack,
    arguments: argparse.Namespace,
    name: str,
    fill: Callable[[URL, int], None] = fill_states,
) -> tuple[URL, dict[str, str]]:
    """A database of so many customers with the newest model in force, and the settings of commands on it.

    Raises ServerFailed, Unavailable.
    """
    server = resources.enter_context(postgres(arguments.database_url))
    database = resources.enter_context(fresh_database(server, f"benchmark_{name}"))
    settings = {"PERENNIAL_HOME": str(make_home(resources)), DATABASE: as_text(database)}
    run_command([PERENNIAL, "migrate"], settings)
    register_newest(chosen_models(arguments), settings)
    fill(database, arguments.customers)
    return database, settings


def time_command(system: str, command: Sequence[str | Path], settings: Mapping[str, str], number: int) -> Round:
    """A round: everything from the command's start to its end."""
    ran = run_command(command, settings)
    return Round(system, 1, number, {SECONDS: ran.seconds, PEAK_MB: ran.peak_mb, "said": ran.output})


class Sent(NamedTuple):
    """A table's rows, as COPY sends them in a `form`; all columns unless some are named."""

    table: str
    form: str
    columns: Sequence[str] | None = None


async def send_table(database: URL, sent: Sent) -> float:
    """Seconds that it takes to send the rows, and to drop them."""
    engine = create_async_engine(database)
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        began = time.perf_counter()
        await driver.copy_from_table(sent.table, columns=sent.columns, output=_drop, format=sent.form)
        seconds = time.perf_counter() - began
    await engine.dispose()
    return seconds


async def _drop(_: bytes) -> None:
    pass


def time_beside(
    console: Console,
    commands: Mapping[str, Sequence[str | Path]],
    floor: Sent,
    store: tuple[URL, Mapping[str, str]],
    number: int,
) -> list[Round]:
    """Each command by its name, and before it, as `floor, NAME`, what it takes to send the rows that it reads.

    The store is tidied up after each.
    """
    database, settings = store
    rounds: list[Round] = []
    for name, command in commands.items():
        rounds.append(Round(f"floor, {name}", 1, number, {SECONDS: asyncio.run(send_table(database, floor))}))
        rounds.append(time_command(name, command, settings, number))
        console.print(describe(rounds[-1]), markup=False)
        execute(database, *TIDY)
    return rounds


def describe(each: Round) -> str:
    figures = each.figures
    return f"{each.system}: {figures[SECONDS]:.1f} s, at most {figures[PEAK_MB]:.0f} MB; {figures['said']}"


def run_and_report(
    arguments: argparse.Namespace,
    run: Callable[[argparse.Namespace, Console], list[Round]],
    comparisons: Sequence[Comparison],
) -> None:
    """The rounds, their ratios as a table, and both in the file that was asked for."""
    console = open_console()
    try:
        rounds = run(arguments, console)
    except (ServerFailed, Unavailable) as reason:
        console.print(f"skipped all: {reason}", markup=False)
        return
    found = ratios(rounds, comparisons)
    title = f"{arguments.customers:,} customers, median (least–most) of {arguments.rounds} rounds"
    console.print(ratio_table(found, title, extent="ratio"))
    if arguments.json:
        write_json(arguments.json, rounds, found, customers=arguments.customers)
