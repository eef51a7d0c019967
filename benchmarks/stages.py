"""The stages against what customers did next: the share of each stage that bought in the horizon.

    python -m benchmarks.stages [--data FILE] [--cutoffs DATE …] [--horizon 90] [--rules]

The policy should put customers in an order: mature, growing, new, declining, lost. They are judged at
each cut-off with the churn risk of a model that was trained on labels that end before it, and with the
risk that the rules presume where no model serves. Prospects are left out: they have not bought. Without
a file it is the demo shop, without cut-offs the last six months that can be answered.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from app.ingest.admission import admit
from app.ingest.rules import Rules
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.stages import StagePolicy
from ml.data.cutoffs import matured, monthly_cutoffs, span_of, to_time, to_us
from ml.data.states import labelled_states
from ml.data.transactions import load_orders
from ml.demo.simulate import simulate
from ml.evaluation.staging import ORDERED_STAGES, StageShare, describe_order, judge_stages
from ml.learning.churn import usual_gap_days
from ml.learning.methods import learn

STAGES: Final = ORDERED_STAGES
WAYS: Final = ("model", "rules")
DEMO_SEED, DEMO_CUSTOMERS, DEMO_DAYS = 20, 3000, 730
DEMO_UNTIL: Final = datetime(2026, 11, 22, tzinfo=UTC)
LATEST: Final = 6
TABLE_WIDTH: Final = 130
POLICY: Final = StagePolicy()

_COLUMNS: Final = {
    **dict.fromkeys(("customer_id", "source", "id", "type", "kind", "channel", "reference"), pa.string()),
    **dict.fromkeys(("occurred_us", "amount_minor", "discount_minor", "items", "points"), pa.int64()),
    "value": pa.string(),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A customer at a cut-off: where they were put, by which rule, and whether they bought."""

    way: str
    stage: str
    rule: str
    bought: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Customers, and the share of them that bought in the horizon."""

    customers: int
    rate: float


def load_demo(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the table `events` of the demo shop."""
    events = [
        admit(raw, Rules("CNY", 2, b"demo"), to_us(DEMO_UNTIL))
        for raw in simulate(DEMO_SEED, DEMO_CUSTOMERS, DEMO_UNTIL, DEMO_DAYS)
    ]
    connection.register("demo", _as_arrow(events))
    connection.execute("CREATE TABLE events AS SELECT * FROM demo")


def _as_arrow(events: Sequence[Event]) -> pa.Table:
    columns = {name: pa.array([getattr(event, name) for event in events], type_) for name, type_ in _COLUMNS.items()}
    return pa.table(columns)


def study(events: ir.Table, cutoff_us: int, horizon_days: int) -> list[Case]:
    """Everyone who had bought before the cut-off, judged there both ways.

    Without a model the usual gap is the policy's, as it is when served.
    """
    learned = learn(events.filter(events.occurred_us < cutoff_us), cutoff_us, horizon_days, lambda _: None)
    present = labelled_states(events, [cutoff_us], horizon_days)
    vectors = present.features()
    risks, usual_days = learned.targets.predict(vectors, cutoff_us).churn, usual_gap_days(present)
    judged = {
        "model": judge_stages(vectors, risks, usual_days, horizon_days, POLICY),
        "rules": judge_stages(vectors, None, POLICY.rhythm_days, horizon_days, POLICY),
    }
    bought = (~present.churned).tolist()
    return [
        Case(way, stage, rule, came) for way in WAYS for (stage, rule), came in zip(judged[way], bought, strict=True)
    ]


def tally(cases: Sequence[Case], *fields: str) -> dict[tuple[str, ...], Tally]:
    """Cases by the values of some of their fields."""
    groups: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    for case in cases:
        groups[tuple(getattr(case, field) for field in fields)].append(case.bought)
    return {key: Tally(len(bought), sum(bought) / len(bought)) for key, bought in groups.items()}


def stage_table(cases_at: Mapping[int, Sequence[Case]], horizon_days: int) -> Table:
    """A row a cut-off and way, a column a stage: customers, and the share that bought."""
    table = Table(title=f"customers, and the share that bought in the next {horizon_days} days")
    for title in ("cut-off", "risk by", *STAGES, "order"):
        table.add_column(title, justify="right" if title in STAGES else "left", no_wrap=True)
    for cutoff_us, cases in cases_at.items():
        tallies = tally(cases, "way", "stage")
        for way in WAYS:
            found = [tallies.get((way, stage)) for stage in STAGES]
            cells = ("–" if each is None else f"{each.customers} {each.rate:.3f}" for each in found)
            table.add_row(str(to_time(cutoff_us).date()), way, *cells, describe_order(_shares(found)))
    return table


def _shares(found: Sequence[Tally | None]) -> list[StageShare]:
    return [
        StageShare(stage, 0, None) if each is None else StageShare(stage, each.customers, each.rate)
        for stage, each in zip(STAGES, found, strict=True)
    ]


def rule_table(cutoff_us: int, cases: Sequence[Case]) -> Table:
    """A row a rule: how many it put where, and the share of them that bought."""
    table = Table(title=f"by rule at {to_time(cutoff_us).date()}")
    for title in ("risk by", "stage", "rule", "customers", "share that bought"):
        table.add_column(title, no_wrap=True)
    tallies = tally(cases, "way", "stage", "rule")
    for way, stage, rule in sorted(tallies, key=lambda key: (WAYS.index(key[0]), STAGES.index(key[1]), key)):
        found = tallies[way, stage, rule]
        table.add_row(way, stage, rule, str(found.customers), f"{found.rate:.3f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages")
    parser.add_argument("--data", type=Path, help="transactions: customer, time, order, amount")
    parser.add_argument("--cutoffs", type=datetime.fromisoformat, nargs="*", help="days, midnight UTC")
    parser.add_argument("--horizon", type=int, default=90, help="days")
    parser.add_argument("--rules", action="store_true", help="also a table by rule at each cut-off")
    arguments = parser.parse_args()
    connection, horizon_days = ibis.duckdb.connect(), arguments.horizon
    if arguments.data:
        load_orders(connection.con, arguments.data, source="benchmark")
    else:
        load_demo(connection.con)
    events = connection.table("events")
    span = span_of(events)
    answered = monthly_cutoffs(span, span.last_us - horizon_days * DAY_US)
    trained = [cutoff_us for cutoff_us in answered if matured(answered, cutoff_us, horizon_days)]
    asked = [to_us(day.replace(tzinfo=UTC)) for day in arguments.cutoffs or ()]
    cases_at = {cutoff_us: study(events, cutoff_us, horizon_days) for cutoff_us in asked or trained[-LATEST:]}
    console = Console(highlight=False)
    console.width = max(console.width, TABLE_WIDTH)
    console.print(stage_table(cases_at, horizon_days))
    for cutoff_us, cases in cases_at.items() if arguments.rules else ():
        console.print(rule_table(cutoff_us, cases))


if __name__ == "__main__":
    main()
