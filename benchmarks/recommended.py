"""Recommendations per second over HTTP, against scores and checkouts of the same customers by the same service.

    python -m benchmarks.recommended [--items 60] [--connections 32] [--models DIR] [--json FILE]

A store of 20,000 customers, each with a history of so many items of 50,000, all in the catalogue; the model of
recommendations is random and as large as a trained one (`benchmarks.recommend`), with clocks. Each scenario is asked
for 10 items with GET /v1/customers/{id}/recommendations, `cart` with POST /v1/recommendations and a basket of five;
`again` is `home` of 100 of the customers, who come back to a page. `score` is GET /v1/customers/{id}/score. `till` is a
checkout of five lines that asks for what goes with them, and `checkout` the same without.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import product
from time import sleep
from typing import Any, Final
from urllib.request import Request, urlopen

import numpy as np
from rich.console import Console

from benchmarks.baskets import checkouts
from benchmarks.databases import execute, postgres
from benchmarks.filling import fill_states
from benchmarks.options import add_models, add_seconds, make_parser, open_console, plan_of
from benchmarks.processes import ServerFailed
from benchmarks.recommend import IDS, ITEMS, write_model
from benchmarks.recommending import draw_clocks
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
from benchmarks.requests import get, post
from benchmarks.systems import (
    Bench,
    Measure,
    Plan,
    Service,
    Unavailable,
    make_home,
    read_method,
    register,
    send,
    start_service,
)

CUSTOMERS: Final = 20_000
RETURNING: Final = 100
READY_WITHIN_S: Final = 60
LINES: Final = 5
SCENARIOS: Final = ("home", "discover", "replenish", "popular")
_OF_SCORES: Final = (*SCENARIOS, "cart", "again", "till")
COMPARISONS: Final = tuple(
    Comparison(f"{label}: {system} / {floor}", figure, system, floor)
    for label, figure in (("answers/s", ANSWERS_PER_S), ("server CPU", SERVER_CPU_US), ("p99 latency", P99_MS))
    for system, floor in (*((name, "score") for name in _OF_SCORES), ("till", "checkout"))
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
_CATALOGUE: Final = """
INSERT INTO items (item_id, title_en, title_zh, category, brand, price_minor, margin, in_stock, in_stock_by_store, tags,
    hidden, pack_of, version, updated_us, is_deleted)
SELECT '4006381' || lpad(number::text, 6, '0'), 'Item ' || number, '商品 ' || number,
       jsonb_build_array('department ' || number % 200 / 10, 'category ' || lpad((number % 200)::text, 3, '0')),
       'brand ' || number % 300, 100 + number % 900, .3, number % 30 <> 0, '{}', '[]', false,
       CASE WHEN number % 5 < 2 THEN 'product ' || number / 5 END, 1, 0, false
FROM generate_series(0, :items - 1) AS number
"""
"""As `benchmarks.recommending.make_catalogue` has it."""


def ask(port: int, api_key: str, what: str, *, seed: int, customers: int = CUSTOMERS) -> Iterator[bytes]:
    """Endless requests of customers C-1 … at random."""
    chance = random.Random(seed)
    while True:
        yield get(port, api_key, f"/v1/customers/C-{1 + int(chance.random() * customers)}/{what}")


def ask_for_baskets(port: int, api_key: str, *, seed: int) -> Iterator[bytes]:
    """Endless requests of customers C-1 … with baskets at random."""
    chance = random.Random(seed)
    while True:
        basket = [IDS[int(ITEMS ** chance.random()) - 1] for _ in range(LINES)]
        body = {"customer_id": f"C-{1 + int(chance.random() * CUSTOMERS)}", "scenario": "cart", "basket": basket}
        yield post(port, api_key, "/v1/recommendations", body)


Requests = Callable[[int, str, int], Iterator[bytes]]
"""(port, key, seed)."""


def measure(requests: Requests, service: Service, plan: Plan, connections: int, number: int) -> Mapping[str, Any]:
    """The figures of one round."""
    server = service.server
    return send(server, plan, requests(server.port, service.api_key, number), connections)


def make_requests() -> dict[str, Requests]:
    """What each system is asked."""
    asked = {"score": "score", **{name: f"recommendations?scenario={name}" for name in SCENARIOS}}
    made: dict[str, Requests] = {
        name: lambda port, key, seed, what=what: ask(port, key, what, seed=seed)  # type: ignore[misc]
        for name, what in asked.items()
    }
    home = asked["home"]
    made["again"] = lambda port, key, seed: ask(port, key, home, seed=seed, customers=RETURNING)
    made["cart"] = lambda port, key, seed: ask_for_baskets(port, key, seed=seed)
    for name, more in (("checkout", ""), ("till", ', "recommendations": {"limit": 10}')):
        made[name] = lambda port, key, seed, more=more: checkouts(  # type: ignore[misc]
            port, api_key=key, seed=seed, lines=LINES, more=more
        )
    return made


def open_systems(bench: Bench, each: int) -> dict[str, Measure]:
    """The score and each scenario on one store. Raises Unavailable, ServerFailed."""
    service = start_service(bench, "ingest", "decide", "read")
    fill_states(service.database, CUSTOMERS)
    fill = _FILL.replace(":items", str(ITEMS)).replace(":each", str(each))
    execute(service.database, _CATALOGUE.replace(":items", str(ITEMS)), fill)
    execute(service.database, "VACUUM (ANALYZE) customer_items", "CHECKPOINT")
    draw = np.random.default_rng(0)
    written = write_model(make_home(bench.resources), draw, draw_clocks(draw))
    register(written, service.settings)
    method, version = read_method(service.server, service.api_key)
    bench.console.print(f"scores by {method}, model {version}; recommendations by {written.name}", markup=False)
    await_catalogue(service)
    return {name: partial(measure, requests, service, bench.plan) for name, requests in make_requests().items()}


def await_catalogue(service: Service) -> None:
    """Until the service has taken over every item. Raises Unavailable where it does not."""
    request = Request(f"http://{service.server.host}:{service.server.port}/v1/customers/C-1/recommendations?limit=1")
    request.add_header("Authorization", f"Bearer {service.api_key}")
    for _ in range(READY_WITHIN_S):
        with urlopen(request) as answer:
            told = json.load(answer)
        if told["items"] and told["items"][0]["title"]["en"] and told["model_version"]:
            return
        sleep(1)
    raise Unavailable("the service has not taken over its catalogue")


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
