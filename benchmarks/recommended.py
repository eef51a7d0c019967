"""Recommendations per second over HTTP, against the scores of the same customers by the same service.

    python -m benchmarks.recommended [--items 60] [--connections 32] [--models DIR] [--json FILE]

A store of 20,000 customers, each with a history of so many items of 50,000; the model of recommendations is random and
as large as a trained one (`benchmarks.recommend`). Each scenario is asked for 10 items with
GET /v1/customers/{id}/recommendations, `score` is GET /v1/customers/{id}/score.
"""

import argparse
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np
from rich.console import Console

from benchmarks.databases import execute, postgres
from benchmarks.filling import fill_states
from benchmarks.options import add_models, add_seconds, make_parser, open_console, plan_of
from benchmarks.processes import ServerFailed
from benchmarks.recommend import ITEMS, write_model
from benchmarks.report import (
    ANSWERS_PER_S,
    P99_MS,
    SERVER_CPU_US,
    Comparison,
    Round,
    error_lines,
    ratio_table,
    ratios,
    write_json,
)
from benchmarks.requests import get
from benchmarks.systems import (
    Bench,
    Measure,
    Plan,
    Service,
    Unavailable,
    make_home,
    read_method,
    register_newest,
    send,
    start_service,
)

CUSTOMERS: Final = 20_000
SCENARIOS: Final = ("home", "discover", "replenish", "popular")
COMPARISONS: Final = tuple(
    Comparison(f"{label}: {scenario} / score", figure, scenario, "score")
    for label, figure in (("answers/s", ANSWERS_PER_S), ("server CPU", SERVER_CPU_US), ("p99 latency", P99_MS))
    for scenario in SCENARIOS
)
_FILL: Final = """
INSERT INTO customer_items (customer_id, item_id, orders, quantity, spend_minor, discounted_orders, refunds,
    refunded_quantity, first_event_us, last_event_us, first_order_us, last_order_us, second_last_order_us,
    orders_decayed_30d, orders_decayed_120d)
SELECT customer_id, item_id, orders, orders, orders * 500, 0, 0, 0, first_us, last_us, first_us, last_us,
       CASE WHEN orders > 1 THEN (first_us + last_us) / 2 END, 1 + orders / 4.0, 1 + orders / 2.0
FROM (
  SELECT DISTINCT ON (state.customer_id, item_id) state.customer_id,
         '4006381' || lpad(floor(:items ^ random())::bigint::text, 6, '0') AS item_id,
         1 + floor(random() * least(state.orders, 9))::bigint AS orders,
         state.first_order_us AS first_us,
         state.last_order_us - (random() * (state.last_order_us - state.first_order_us) / 2)::bigint AS last_us
  FROM customer_states AS state CROSS JOIN generate_series(1, :each)
) AS drawn
"""
"""The shares of items fall as in Zipf's law."""


def ask(port: int, api_key: str, what: str, *, seed: int) -> Iterator[bytes]:
    """Endless requests of customers C-1 … at random."""
    chance = random.Random(seed)
    while True:
        yield get(port, api_key, f"/v1/customers/C-{1 + int(chance.random() * CUSTOMERS)}/{what}")


def measure(what: str, service: Service, plan: Plan, connections: int, number: int) -> Mapping[str, Any]:
    """The figures of one round."""
    server = service.server
    return send(server, plan, ask(server.port, service.api_key, what, seed=number), connections)


def open_systems(bench: Bench, each: int) -> dict[str, Measure]:
    """The score and each scenario on one store. Raises Unavailable, ServerFailed."""
    service = start_service(bench, "ingest", "decide", "read")
    fill_states(service.database, CUSTOMERS)
    fill = _FILL.replace(":items", str(ITEMS)).replace(":each", str(each))
    execute(service.database, fill, "VACUUM (ANALYZE) customer_items", "CHECKPOINT")
    written = write_model(make_home(bench.resources), np.random.default_rng(0))
    register_newest(written.parent, service.settings)
    method, version = read_method(service.server, service.api_key)
    bench.console.print(f"scores by {method}, model {version}; recommendations by {written.name}", markup=False)
    asked = {"score": "score", **{name: f"recommendations?scenario={name}" for name in SCENARIOS}}
    return {name: partial(measure, what, service, bench.plan) for name, what in asked.items()}


def run(plan: Plan, each: int, database_url: str | None, console: Console) -> list[Round]:
    """All rounds, all in turn within a round."""
    rounds = []
    with ExitStack() as resources:
        server = resources.enter_context(postgres(database_url))
        try:
            systems = open_systems(Bench(plan, server, resources, console), each)
        except (Unavailable, ServerFailed) as reason:
            console.print(f"skipped all: {reason}", markup=False)
            return []
        for connections, number in product(plan.connections, range(1, plan.rounds + 1)):
            console.print(f"{connections} connections, round {number} of {plan.rounds}")
            rounds += [Round(name, connections, number, take(connections, number)) for name, take in systems.items()]
    return rounds


def parse_arguments() -> argparse.Namespace:
    parser = make_parser("recommended", __doc__ or "")
    add_seconds(parser)
    add_models(parser)
    parser.add_argument("--items", type=int, default=60, help="about so many items in each history")
    parser.add_argument("--connections", type=int, nargs="+", default=[32])
    return parser.parse_args()


def main() -> None:
    arguments, console = parse_arguments(), open_console()
    plan = plan_of(arguments, tuple(arguments.connections))
    rounds = run(plan, arguments.items, arguments.database_url, console)
    found = ratios(rounds, COMPARISONS)
    title = f"median (least–most) of {plan.rounds} rounds of {plan.seconds:g} s"
    console.print(ratio_table(found, title) if found else "nothing was measured that can be compared")
    for line in error_lines(rounds):
        console.print(f"not answered: {line}", markup=False)
    if arguments.json:
        write_json(arguments.json, rounds, found, seconds=plan.seconds, customers=CUSTOMERS)


if __name__ == "__main__":
    main()
