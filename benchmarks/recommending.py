"""One recommendation of 10 items as the service makes it, scenario by scenario, against a fixed loop in the same run.

    python -m benchmarks.recommending [--items 300] [--blocks 10] [--json FILE]

From a history that is read already to the answer's bytes: what may be shown, ranking or clocks or companions, choice,
terms and reasons in words. The catalogue has 50,000 items with titles, categories and packs; the model is random and as
large as a trained one (`benchmarks.recommend`), with clocks. Histories and scenarios take turns, so that calls
find caches as a server's do; what is told is CPU time, since so long a call is often interrupted.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Final

import numpy as np
import orjson
from rich.console import Console

from app.customers.item_states import ItemStates
from app.customers.state import CustomerState
from app.items.held import Catalogue
from app.lifecycle.clocks.clock import KINDS, ClockTables
from app.lifecycle.clocks.clock import TERMS as CLOCK_TERMS
from app.lifecycle.clocks.renewal import Renewal
from app.lifecycle.events import DAY_US
from app.lifecycle.measures import EMPTY, LATEST, NUMERIC, numbers_of
from app.lifecycle.states import ITEM
from app.models.item_artefact import ItemModel
from app.recommendations.assortment import Assortment
from app.recommendations.histories import History
from app.recommendations.merchant_rules import Scenario
from app.recommendations.rendering import render
from app.recommendations.service import recommend
from app.recommendations.wanted import Wanted
from benchmarks.recommend import BASKETS, HISTORIES, HISTORY, IDS, ITEMS, LIMIT, SHARES, draw_ranker, show
from benchmarks.score import Timing, loop
from benchmarks.score import make_steps as score_steps

NOW_US: Final = 20_000 * DAY_US
CALLS_A_BLOCK: Final = 40
CATEGORIES: Final = 200
SCENARIOS: Final[tuple[Scenario, ...]] = ("home", "discover", "replenish", "cart", "popular")
BASKET: Final = IDS[:100:20]
"""Five lines of what sells well."""
SCORE: Final = "score and answer, all of it"
_KNOTS: Final = 40


def draw_clocks(draw: np.random.Generator) -> ClockTables:
    """Random, of every item and category."""
    categories = np.array([f"category {number:03d}" for number in range(CATEGORIES)])
    rhythms = _draw_rhythms(draw, ITEMS + CATEGORIES + 1)
    curves = np.sort(draw.normal(-1.0, 1.0, (2, len(KINDS), _KNOTS)))
    weights = draw.uniform(0.0, 0.5, len(CLOCK_TERMS))
    return ClockTables(np.array(IDS), categories, rhythms, _draw_rhythms(draw, 1), -0.3, weights, *curves)


def _draw_rhythms(draw: np.random.Generator, count: int) -> Renewal:
    hazards, stays = np.sort(draw.uniform(0.0, 3.0, _KNOTS)), draw.uniform(0.3, 0.95, count)
    return Renewal(
        np.linspace(0.0, 4.0, _KNOTS), hazards, draw.uniform(5, 60, count), stays, np.ones(count), 2.0, 2.0, 0.5
    )


def make_catalogue() -> Catalogue:
    """Every item of the model, by rows as they are read; two of five are packs of one product."""
    return Catalogue().with_changes([_row(number) for number in range(ITEMS)], 1)


def _row(number: int) -> SimpleNamespace:
    category = number % CATEGORIES
    return SimpleNamespace(
        item_id=IDS[number],
        title_en=f"Item {number}",
        title_zh=f"商品 {number}",
        category=[f"department {category // 10:02d}", f"category {category:03d}"],
        brand=f"brand {number % 300}",
        price_minor=100 + number % 900,
        margin=0.3,
        valid_from_us=None,
        valid_to_us=None,
        tags=[],
        pack_of=f"product {number // 5}" if number % 5 < 2 else None,
        substitute_of=None,
        hidden=False,
        in_stock=number % 30 != 0,
        in_stock_by_store={},
        is_deleted=False,
    )


def draw_shopper(draw: np.random.Generator, count: int) -> History:
    """As it is read: so many items, each bought once to eight times."""
    numbers = draw.choice(ITEMS, count, replace=False, p=SHARES)
    orders = draw.integers(1, 9, count).astype(float)
    last_us = NOW_US - draw.uniform(0.1, 300, count) * DAY_US
    first_us = np.where(orders > 1, last_us - draw.uniform(20, 200, count) * DAY_US, last_us)
    told = {
        **dict.fromkeys(("orders", "quantity"), orders),
        **dict.fromkeys(("first_event_us", "first_order_us"), first_us),
        **dict.fromkeys(("last_event_us", "last_order_us"), last_us),
        "second_last_order_us": np.where(orders > 1, (first_us + last_us) / 2, np.nan),
        "orders_decayed_30d": orders * 0.3,
        "orders_decayed_120d": orders * 0.7,
    }
    columns = [told.get(measure.name, np.zeros(count)) for measure in ITEM.measures]
    items = ItemStates(ITEM, [IDS[number] for number in numbers.tolist()], np.stack(columns, axis=1))
    return History(_draw_customer(float(first_us.min()), float(last_us.max())), items, {})


def _draw_customer(first_us: float, last_us: float) -> CustomerState:
    known = {
        "orders": 60.0,
        "first_order_us": first_us,
        **dict.fromkeys(("last_order_us", "last_event_us"), last_us),
        "orders_decayed_30d": 2.0,
        "orders_decayed_120d": 9.0,
    }
    empty = numbers_of(EMPTY)
    numbers = [known.get(measure.name, usual) for measure, usual in zip(NUMERIC, empty, strict=True)]
    return CustomerState("C-1", numbers, [None] * len(LATEST))


def make_model(draw: np.random.Generator) -> ItemModel:
    now = datetime.now(UTC)
    places = {item_id: place for place, item_id in enumerate(IDS)}
    manifest = {"population": {"baskets": BASKETS}}
    return ItemModel("benchmark", draw_ranker(draw), IDS, places, now, now, True, manifest, draw_clocks(draw))


def make_steps(draw: np.random.Generator, items: int) -> dict[str, Callable[[], object]]:
    """What is timed."""
    assortment = Assortment(make_model(draw), make_catalogue())
    histories = cycle([draw_shopper(draw, items) for _ in range(HISTORIES)])

    def answer(wanted: Wanted, histories: Iterator[History]) -> Callable[[], object]:
        return lambda: orjson.dumps(render(recommend(wanted, next(histories), assortment, (), NOW_US), "C-1"))

    wanted = [Wanted(name, LIMIT, basket=BASKET if name == "cart" else ()) for name in SCENARIOS]
    return {f"{each.scenario}, with its reasons": answer(each, histories) for each in wanted}


def measure_in_turn(steps: Mapping[str, Callable[[], object]], blocks: int) -> dict[str, Timing]:
    """Medians of CALLS_A_BLOCK rounds, in each of which every step is called once; and their ratios to the first."""
    times_us: dict[str, list[float]] = {name: [] for name in steps}
    ratios: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(blocks):
        spent_ns: dict[str, list[int]] = {name: [] for name in steps}
        for _ in range(CALLS_A_BLOCK):
            for name, step in steps.items():
                begin_ns = time.thread_time_ns()
                step()
                spent_ns[name].append(time.thread_time_ns() - begin_ns)
        medians_us = {name: median(spent) / 1e3 for name, spent in spent_ns.items()}
        floor_us = next(iter(medians_us.values()))
        for name, found_us in medians_us.items():
            times_us[name].append(found_us)
            ratios[name].append(found_us / floor_us)
    return {
        name: Timing(median(times_us[name]), median(found), min(found), max(found)) for name, found in ratios.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommending")
    parser.add_argument("--items", type=int, default=HISTORY, help="in each history")
    parser.add_argument("--blocks", type=int, default=10, help=f"of {CALLS_A_BLOCK} calls of each scenario")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    arguments = parser.parse_args()
    steps = make_steps(np.random.default_rng(0), arguments.items)
    timings = measure_in_turn({"floor: 1,000 additions": loop, **steps, SCORE: score_steps()[SCORE]}, arguments.blocks)
    Console(highlight=False).print(show(timings, arguments.items))
    if arguments.json:
        document = {"items": arguments.items, "steps": {name: asdict(timing) for name, timing in timings.items()}}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
