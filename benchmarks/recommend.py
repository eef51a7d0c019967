"""One recommendation of 10 items in process, step by step, against a fixed loop of plain Python in the same run.

    python -m benchmarks.recommend [--blocks 20] [--json FILE]

A history of 300 items in a catalogue of 50,000. Neighbours, factors and tables are random, as large as a trained
model's: 40 bins a signal, 24 pairs. Few items are bought by many and many by few (Zipf), and histories take turns.
Beside it, what the loaded artefact adds to the memory of a process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.ranking.candidates import MOST_OWN, find_candidates
from app.lifecycle.ranking.facts import Facts, Neighbours
from app.lifecycle.ranking.owned import Buyers, Owned
from app.lifecycle.ranking.ranker import ItemRanker
from app.lifecycle.ranking.signals import ITEM, SIGNALS, buyer_signals, make_pairs, near_signals, own_signals
from app.lifecycle.ranking.tables import PairTables
from app.models.item_artefact import ItemModel, load_item_model
from benchmarks.score import Timing, loop, measure
from ml.training.item_artefact import ItemParts, write_item_artefact

ITEMS: Final = 50_000
HISTORY: Final = 300
HISTORIES: Final = 64
LIMIT: Final = 10
BINS: Final = 40
PAIRS: Final = 24
NEIGHBOURS: Final = 24
FACTORS: Final = 64
POPULAR: Final = 40
BASKETS: Final = 5
"""In the manifest, as of a trained model: as many as hold the item that is bought most."""
RISING: Final = 1_500
SHARES: Final = (1.0 / np.arange(1, ITEMS + 1)) / (1.0 / np.arange(1, ITEMS + 1)).sum()
IDS: Final = tuple(f"4006381{number:06d}" for number in range(ITEMS))
History = tuple[Owned, Buyers]


def draw_ranker(draw: np.random.Generator) -> ItemRanker:
    """Random, and as large as a trained one."""

    def neighbours() -> Neighbours:
        weights = -np.sort(-draw.random((ITEMS, NEIGHBOURS)), axis=1)
        return Neighbours(draw.choice(ITEMS, weights.shape, p=SHARES).astype(np.int32), weights.astype(np.float32))

    def tables() -> PairTables:
        edges = tuple(np.unique(draw.random(BINS - 2) * 5) for _ in SIGNALS)
        pairs = np.array([draw.choice(len(SIGNALS), 2, replace=False) for _ in range(PAIRS)])
        one, two = draw.normal(size=(len(SIGNALS), BINS)), draw.normal(size=(PAIRS, BINS, BINS))
        return PairTables(-3.0, edges, one, pairs, two)

    factors = draw.normal(size=(ITEMS, FACTORS)).astype(np.float32)
    popular = draw.choice(ITEMS, POPULAR, replace=False)
    rising = np.sort(draw.choice(ITEMS, RISING, replace=False, p=SHARES))
    pulls = draw.normal(size=(RISING, FACTORS)).astype(np.float32)
    gap_days, signals = draw.uniform(5, 60, ITEMS), draw.random((len(ITEM), ITEMS)) * 5
    facts = Facts(signals, neighbours(), neighbours(), factors, popular, rising, pulls, gap_days)
    return ItemRanker(facts, tables(), tables())


def draw_history(draw: np.random.Generator) -> History:
    orders, last = draw.integers(1, 9, HISTORY).astype(float), draw.integers(1, 300, HISTORY).astype(float)
    owned = Owned(
        np.array([0, HISTORY]),
        np.sort(draw.choice(ITEMS, HISTORY, replace=False, p=SHARES)),
        orders,
        np.where(orders > 1, last + 60, last),
        last,
        np.where(orders > 1, last + 9, np.nan),
        2 ** (-last / 30),
        2 ** (-last / 120),
    )
    return owned, Buyers(*(np.array([value]) for value in (60.0, 380.0, last.min(), 2.0, 9.0)))


def write_model(directory: Path, draw: np.random.Generator, clocks: ClockTables | None = None) -> Path:
    members = {
        "training": {
            "data_from": "2025-01-01T00:00:00+00:00",
            "data_until": "2026-01-01T00:00:00+00:00",
            "horizon_days": 30,
        },
        "data": {"source": "benchmark", "simulated": True},
        "population": {"baskets": BASKETS},
    }
    return write_item_artefact(directory, datetime.now(UTC), ItemParts(draw_ranker(draw), IDS, clocks), members)


def resident_mib(directory: Path) -> float:
    """What loading the artefact adds to a fresh process, as Linux tells."""
    program = (
        "import pathlib, resource, sys; from app.models.item_artefact import load_item_model\n"
        "def resident(): return int(pathlib.Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize()\n"
        "before = resident(); model = load_item_model(pathlib.Path(sys.argv[1])); print(resident() - before)"
    )
    arguments = [sys.executable, "-c", program, str(directory)]
    told = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    return int(told) / 2**20


def make_steps(model: ItemModel, histories: Iterator[History]) -> dict[str, Callable[[], object]]:
    """What is timed: steps of a recommendation alone, and the whole."""
    ranker, facts = model.ranker, model.ranker.facts
    owned, buyers = next(histories)
    of_buyer, owned = buyer_signals(owned, buyers), owned.strongest(MOST_OWN)
    found = find_candidates(owned, 0, facts)
    pairs = make_pairs(owned, np.zeros(len(found), np.int64), found, ITEMS)
    codes = ranker.codes(ranker.of_all, pairs, owned, of_buyer, buyers)
    return {
        f"candidates ({len(found)})": lambda: find_candidates(next(histories)[0].strongest(MOST_OWN), 0, facts),
        "signals of own items": lambda: own_signals(owned, buyers, facts),
        "signals of neighbours and taste": lambda: near_signals(pairs, owned, buyers, facts),
        "bins of all signals": lambda: ranker.codes(ranker.of_all, pairs, owned, of_buyer, buyers),
        "scores from tables": lambda: ranker.of_all.score_codes(codes),
        f"recommendation of {LIMIT}, with its terms": lambda: ranker.rank(*next(histories), LIMIT),
        f"recommendation of {LIMIT} new items": lambda: ranker.rank(*next(histories), LIMIT, only_new=True),
    }


def show(timings: Mapping[str, Timing], bought: int = HISTORY) -> Table:
    title = f"one recommendation: {bought} items bought, {ITEMS:,} in the catalogue"
    table = Table(title=title, title_justify="left")
    table.add_column("step")
    table.add_column("median µs", justify="right")
    table.add_column("of the floor (least–most)", justify="right")
    for name, timing in timings.items():
        ratio = f"{timing.ratio:.2f} ({timing.least:.2f}–{timing.most:.2f})"
        table.add_row(name, f"{timing.median_us:.1f}", ratio)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommend")
    parser.add_argument("--blocks", type=int, default=20, help="of 200 calls of each step")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    arguments = parser.parse_args()
    draw = np.random.default_rng(0)
    histories = cycle([draw_history(draw) for _ in range(HISTORIES)])
    with tempfile.TemporaryDirectory(prefix="perennial-") as directory:
        written = write_model(Path(directory), draw)
        model, resident = load_item_model(written), resident_mib(written)
    timings = measure({"floor: 1,000 additions": loop, **make_steps(model, histories)}, arguments.blocks)
    console = Console(highlight=False)
    console.print(show(timings))
    console.print(f"the artefact of {ITEMS:,} items adds {resident:.0f} MiB to a process")
    if arguments.json:
        document = {"resident_mib": resident, "steps": {name: asdict(timing) for name, timing in timings.items()}}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
