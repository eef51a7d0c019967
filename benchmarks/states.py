"""The states of training at many cut-offs, against one pass of hand-written DuckDB SQL.

    python -m benchmarks.states [--events 10000000] [--cutoffs 12] [--json FILE]

Both read the same Parquet file of simulated events in a process of its own, within the same limit of
memory and on as many threads, and write the same measures to Parquet: all that the hand-written
statement, states.sql, has in DuckDB's own dialect. What they wrote is compared.
"""

import argparse
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import ibis
from rich.console import Console

from app.lifecycle.events import DAY_US
from app.lifecycle.measures import NUMERIC
from app.lifecycle.states import CUSTOMER, StateSpec
from benchmarks.options import make_parser, open_console
from benchmarks.processes import ServerFailed, run_command
from benchmarks.report import Comparison, Round, ratio_table, ratios, write_json
from ml.data.engines import bound
from ml.data.states import states

SECONDS: Final = "seconds"
CPU_SECONDS: Final = "cpu_seconds"
PEAK_MB: Final = "peak_mb"
OURS, FLOOR = "one expression", "by hand"
COMPARISONS: Final = (
    Comparison("time: states from one expression / written by hand", SECONDS, OURS, FLOOR),
    Comparison("CPU: states from one expression / written by hand", CPU_SECONDS, OURS, FLOOR),
)
BY_HAND: Final = Path(__file__).with_name("states.sql")
MEASURED: Final[StateSpec] = replace(
    CUSTOMER,
    measures=tuple(each for each in CUSTOMER.measures if re.search(rf"\b{each.name}\b", BY_HAND.read_text())),
)
"""A measure that was declared since states.sql was written is not in the race."""
FIRST_US: Final = 1_600_000_000_000_000
DAYS: Final = 1095
EVENTS_A_CUSTOMER: Final = 50
THREADS: Final = 2

# Half are orders, two in five visits; one in thirty-three carries a text that is kept.
SIMULATED: Final = """
COPY (
    SELECT 'C-' || hash(number) % $customers AS customer_id,
           CASE WHEN number % 3 = 0 THEN '/web' ELSE '/till' END AS source,
           'e-' || number AS id,
           CASE WHEN dice < 53 THEN 'order.completed' WHEN dice < 93 THEN 'store.visited'
                ELSE ['order.refunded', 'feedback.submitted', 'consent.changed', 'points.earned',
                      'tier.changed', 'case.opened', 'case.resolved'][dice - 92] END AS type,
           $first_us + (hash(number * 7) % ($days * 86400000000))::BIGINT AS occurred_us,
           CASE dice WHEN 94 THEN ['csat', 'nps', 'rating'][1 + number % 3] WHEN 95 THEN 'marketing'
                     WHEN 98 THEN ['complaint', 'question'][1 + number % 2] END AS kind,
           CASE WHEN dice = 95 THEN ['email', 'sms', '*'][1 + number % 3]
                WHEN dice < 93 THEN ['store', 'web', 'app'][1 + number % 3] END AS channel,
           NULL::VARCHAR AS reference,
           CASE WHEN dice < 53 OR dice = 93 THEN 100 + hash(number * 3) % 20000 ELSE 0 END::BIGINT AS amount_minor,
           CASE WHEN dice < 53 THEN hash(number * 5) % 500 ELSE 0 END::BIGINT AS discount_minor,
           CASE WHEN dice < 53 OR dice = 93 THEN 1 + hash(number * 11) % 5 ELSE 0 END::BIGINT AS items,
           CASE dice WHEN 96 THEN 10 ELSE 0 END::BIGINT AS points,
           CASE dice WHEN 94 THEN '5' WHEN 95 THEN ['granted', 'denied'][1 + number % 2]
                     WHEN 97 THEN 'gold' END AS value
    FROM (SELECT range AS number, (hash(range * 13) % 100)::BIGINT AS dice FROM range($events))
) TO '$file' (FORMAT parquet)
"""


def fill(template: str, **values: object) -> str:
    """`$name` → its value; the longest names first."""
    for name in sorted(values, key=len, reverse=True):
        template = template.replace(f"${name}", str(values[name]))
    return template


def cutoffs_us(count: int) -> list[int]:
    """Every 30 days, the last where the events end."""
    return [FIRST_US + (DAYS - 30 * at) * DAY_US for at in reversed(range(count))]


def by_hand(cutoffs: list[int]) -> str:
    whens = " ".join(f"WHEN occurred_us < {cutoff} THEN {cutoff}" for cutoff in cutoffs)
    origin_us = cutoffs[-1] - 3650 * DAY_US
    until = f"CASE {whens} END"
    return fill(BY_HAND.read_text(), until=until, cutoffs=cutoffs, last_us=cutoffs[-1], origin_us=origin_us)


def write_states(side: str, events: Path, out: Path, cutoffs: list[int]) -> None:
    """One side, in this process; prints seconds and CPU seconds of the statement."""
    backend = ibis.duckdb.connect(threads=THREADS)
    with TemporaryDirectory(prefix="perennial-") as directory:
        bound(backend.con, Path(directory))
        table = backend.read_parquet(events, table_name="events")
        began, began_cpu = time.monotonic(), time.process_time()
        if side == OURS:
            states(table, cutoffs, MEASURED).to_parquet(out)
        else:
            backend.con.execute(f"COPY ({by_hand(cutoffs)}) TO '{out}' (FORMAT parquet)")
        print(time.monotonic() - began, time.process_time() - began_cpu)


def count_differences(ours: Path, theirs: Path) -> tuple[int, int]:
    """Rows, and how many of them differ: floats by more than 1e-9 of their value, all else at all."""
    floats = {measure.name for measure in NUMERIC if "_decayed_" in measure.name or measure.name.startswith("season_")}
    differ = " OR ".join(
        f"abs(a.{m.name} - b.{m.name}) > 1e-9 * greatest(abs(a.{m.name}), 1e-9)"
        if m.name in floats
        else f"a.{m.name} IS DISTINCT FROM b.{m.name}"
        for m in MEASURED.measures
    )
    with TemporaryDirectory(prefix="perennial-") as directory:
        connection = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": directory})
        found = connection.execute(
            f"SELECT count(*), count(*) FILTER (a.events IS NULL OR b.events IS NULL OR {differ})"
            f" FROM '{ours}' AS a FULL JOIN '{theirs}' AS b USING (customer_id, cutoff_us)"
        ).fetchall()
    ((rows, different),) = found
    return int(rows), int(different)


def run(arguments: argparse.Namespace, console: Console) -> list[Round]:
    """Rounds of both sides, in turn. Raises ServerFailed."""
    rounds: list[Round] = []
    with TemporaryDirectory(prefix="perennial-") as directory:
        events = Path(directory) / "events.parquet"
        customers = max(1, arguments.events // EVENTS_A_CUSTOMER)
        extent = {"customers": customers, "events": arguments.events, "first_us": FIRST_US, "days": DAYS}
        duckdb.execute(fill(SIMULATED, **extent, file=events))
        for number in range(1, arguments.rounds + 1):
            files = {}
            for side in (FLOOR, OURS) if number % 2 else (OURS, FLOOR):
                files[side] = Path(directory) / f"{side.replace(' ', '-')}.parquet"
                rounds.append(measure(side, events, files[side], arguments.cutoffs, number))
                console.print(describe(rounds[-1]), markup=False)
            if number == 1:
                rows, different = count_differences(files[OURS], files[FLOOR])
                console.print(f"{rows:,} states, of which {different:,} differ")
                if different:
                    raise ServerFailed("The two sides do not make the same states.")
    return rounds


def measure(side: str, events: Path, out: Path, cutoffs: int, number: int) -> Round:
    command = [sys.executable, "-m", "benchmarks.states", "--side", side, "--cutoffs", str(cutoffs)]
    ran = run_command([*command, "--file", events, "--out", out], {})
    seconds, cpu_seconds = map(float, ran.output.split())
    return Round(side, 1, number, {SECONDS: seconds, CPU_SECONDS: cpu_seconds, PEAK_MB: ran.peak_mb})


def describe(each: Round) -> str:
    figures = each.figures
    return (
        f"{each.system}: {figures[SECONDS]:.1f} s, {figures[CPU_SECONDS]:.1f} s of CPU, "
        f"at most {figures[PEAK_MB]:.0f} MB"
    )


def main() -> None:
    parser = make_parser("states", __doc__ or "", rounds=3)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--cutoffs", type=int, default=12)
    parser.add_argument("--side", choices=(OURS, FLOOR), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        write_states(arguments.side, arguments.file, arguments.out, cutoffs_us(arguments.cutoffs))
        return
    console = open_console()
    try:
        rounds = run(arguments, console)
    except ServerFailed as reason:
        console.print(f"skipped all: {reason}", markup=False)
        return
    found = ratios(rounds, COMPARISONS)
    title = (
        f"{arguments.events:,} events, {arguments.cutoffs} cut-offs, median (least–most) of {arguments.rounds} rounds"
    )
    console.print(ratio_table(found, title, extent="ratio"))
    if arguments.json:
        write_json(arguments.json, rounds, found, events=arguments.events, cutoffs=arguments.cutoffs)


if __name__ == "__main__":
    main()
