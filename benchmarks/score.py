"""One score in process, step by step, against a fixed loop of plain Python in the same run.

    python -m benchmarks.score [--blocks 60] [--json FILE]

The tables are random, as large as a trained model's can be: 128 bins a feature, all of them with a say in all
three targets. Beside it, whether importing the server imports scikit-learn.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from app.customers.state import CustomerState
from app.foundation.settings import Settings
from app.lifecycle.events import (
    DAY_US,
    ORDER_COMPLETED,
    STORE_VISITED,
    Event,
)
from app.lifecycle.features import FEATURES, features, features_of_one
from app.lifecycle.measures import LATEST, fold, numbers_of
from app.lifecycle.next_order import expect_next_order
from app.lifecycle.phrases import Money, phrase
from app.lifecycle.scorer import Scorecard, strongest
from app.lifecycle.stages import StagePolicy, judge_stage, measure_rhythm
from app.lifecycle.targets import TARGETS
from app.lifecycle.value import value_curve
from app.models.artefact import Model
from app.scores.rendering import render_score
from app.scores.scoring import Scoring
from app.scores.service import score_states

BINS: Final = 128
REASONS: Final = 5
CALLS_A_BLOCK: Final = 200
AS_OF_US: Final = 20_000 * DAY_US
POLICY: Final = StagePolicy()
SERVER: Final = "app.runtime.main"


@dataclass(frozen=True, slots=True)
class Timing:
    """Median time of a call, and its ratio to the floor's in the same block: median and range."""

    median_us: float
    ratio: float
    least: float
    most: float


def make_numbers(chance: random.Random) -> list[float | None]:
    """The state vector of someone with 24 orders and 12 visits in two years, as a row is read."""
    history = [
        Event(
            customer_id="C-1",
            source="/pos/store-1/till-1",
            id=str(number),
            type=ORDER_COMPLETED if number % 3 else STORE_VISITED,
            occurred_us=AS_OF_US - int(chance.uniform(1, 730) * DAY_US),
            kind=None,
            channel="store",
            reference=str(number),
            amount_minor=chance.randrange(1_000, 50_000),
            discount_minor=0,
            items=3,
            points=0,
            value=None,
            digest=b"",
            data="{}",
        )
        for number in range(36)
    ]
    state = fold(history)
    return numbers_of(state)


def make_model(numbers: Sequence[float | None], seed: int) -> Model:
    """Random steps of all targets, edges all around this customer's values, and a level that moves."""
    generator = np.random.default_rng(seed)
    row = np.nan_to_num(features(np.array([numbers], np.float64), AS_OF_US)[0], nan=1.0)
    spread = np.sort(generator.normal(1.0, 0.5, (len(FEATURES), BINS - 1)), axis=1)
    steps = generator.normal(0.0, 0.1, (len(FEATURES), BINS + 1, len(TARGETS)))
    edges = np.sort(spread * np.where(row == 0.0, 1.0, row)[:, None], axis=1)
    days = np.arange(AS_OF_US // DAY_US - 100, AS_OF_US // DAY_US + 300, 7)
    levels = generator.normal(0.0, 0.1, (len(days), len(TARGETS)))
    now = datetime.now(UTC)
    return Model(
        version="benchmark",
        horizon_days=90,
        scorecard=Scorecard(tuple(edges), (-0.5, 0.5, 9.0), tuple(steps), days, levels),
        value=value_curve(generator.lognormal(9.0, 1.0, 10_000)),
        rhythm_days=45.0,
        trained_at=now,
        data_until=now,
        simulated=True,
        method="additive_trees",
        drift={},
        manifest={},
    )


def loop() -> int:
    """The floor: a thousand additions of plain Python."""
    total = 0
    for number in range(1_000):
        total += number
    return total


def make_steps(seed: int = 0) -> dict[str, Callable[[], object]]:
    """What is timed: each step of a score alone, and the whole."""
    numbers = make_numbers(random.Random(seed))
    model, row = make_model(numbers, seed), features_of_one(numbers, AS_OF_US)
    scorecard, state = model.scorecard, CustomerState("C-1", numbers, [None] * len(LATEST))
    scoring = Scoring.of(Settings(), model)
    forecast = scorecard.forecast_one(row, AS_OF_US)
    (scored,) = score_states([state], AS_OF_US, scoring)
    money = Money(scoring.currency, scoring.digits)
    first = strongest(forecast.churn_terms, REASONS)

    def score_with_reasons() -> object:
        row = features_of_one(numbers, AS_OF_US)
        forecast = scorecard.forecast_one(row, AS_OF_US)
        coming = expect_next_order(forecast.churn_risk, forecast.orders, 90.0)
        reasons = [
            [phrase(at, row, money, "en") for at in strongest(terms, REASONS)]
            for terms in (forecast.churn_terms, forecast.spend_terms)
        ]
        return forecast, coming, reasons

    def answer() -> object:
        (score,) = score_states([state], AS_OF_US, scoring)
        return render_score(score, scoring, "en")

    return {
        "features": lambda: features_of_one(numbers, AS_OF_US),
        "risk, orders and spend with their terms": lambda: scorecard.forecast_one(row, AS_OF_US),
        "strongest reasons of one target": lambda: strongest(forecast.churn_terms, REASONS),
        "five reasons in words": lambda: [phrase(at, row, money, "en") for at in first],
        "stage": lambda: judge_stage(row, measure_rhythm(row, POLICY, 45.0), 0.3, POLICY),
        "next order and its interval": lambda: expect_next_order(0.3, 1.5, 90.0),
        "score: features, all targets, next order, both reasons in words": score_with_reasons,
        "as the service scores it: with the stage": lambda: score_states([state], AS_OF_US, scoring),
        "as the service writes it out: reasons in words": lambda: render_score(scored, scoring, "en"),
        "score and answer, all of it": answer,
    }


def time_block(call: Callable[[], object]) -> float:
    """Median of a block of calls, in microseconds."""
    durations_ns = []
    for _ in range(CALLS_A_BLOCK):
        start_ns = time.perf_counter_ns()
        call()
        durations_ns.append(time.perf_counter_ns() - start_ns)
    return median(durations_ns) / 1e3


def measure(steps: Mapping[str, Callable[[], object]], blocks: int) -> dict[str, Timing]:
    """In each block the floor first and then every step, so that a slow moment meets all of them."""
    times_us: dict[str, list[float]] = {name: [] for name in steps}
    ratios: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(blocks):
        floor_us = time_block(loop)
        for name, step in steps.items():
            times_us[name].append(time_block(step))
            ratios[name].append(times_us[name][-1] / floor_us)
    return {
        name: Timing(median(times_us[name]), median(found), min(found), max(found)) for name, found in ratios.items()
    }


def describe_import() -> str:
    """Whether a fresh interpreter that has imported the server has scikit-learn loaded."""
    program = f"import sys, {SERVER}; print('sklearn' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if result.returncode:
        return f"{SERVER} could not be imported: {(result.stderr.strip().splitlines() or ['?'])[-1]}"
    return f"import {SERVER} {'imports' if result.stdout.strip() == 'True' else 'does not import'} scikit-learn"


def timing_table(timings: Mapping[str, Timing]) -> Table:
    table = Table(title=f"one score: {len(FEATURES)} features, {BINS} bins each", title_justify="left")
    table.add_column("step")
    table.add_column("median µs", justify="right")
    table.add_column("of the floor (least–most)", justify="right")
    for name, timing in timings.items():
        ratio = f"{timing.ratio:.2f} ({timing.least:.2f}–{timing.most:.2f})"
        table.add_row(name, f"{timing.median_us:.1f}", ratio)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score")
    parser.add_argument("--blocks", type=int, default=60, help=f"of {CALLS_A_BLOCK} calls of each step")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    arguments = parser.parse_args()
    timings = measure({"floor: 1,000 additions": loop, **make_steps()}, arguments.blocks)
    imported = describe_import()
    console = Console(highlight=False)
    console.print(timing_table(timings))
    console.print(imported, markup=False)
    if arguments.json:
        steps = {name: asdict(timing) for name, timing in timings.items()}
        document = {"features": len(FEATURES), "bins": BINS, "import": imported, "steps": steps}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
