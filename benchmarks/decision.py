"""One decision in process, step by step, against a fixed loop of plain Python in the same run.

    python -m benchmarks.decision [--blocks 40] [--actions 200] [--json FILE]

By the contact policy of the beginning, on the channel `email`, for a customer with 50 past contacts; one action is
chosen with a share of chance, as by default. A step is timed in CPU of its thread,
and garbage is collected as by the server.
"""

import argparse
import gc
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, get_args

import numpy as np
from rich.console import Console
from rich.table import Table

from app.decisions.contact_book import ContactBook
from app.decisions.schemas import DecisionRequest
from app.decisions.service import Deciding, Known, decide
from app.foundation.settings import Settings
from app.lifecycle.actions import Action, ActionCatalogue, Group
from app.lifecycle.contact_gate import Contact
from app.lifecycle.decisions import CustomerContext, DecisionOptions, choose, open_gate
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.events import DAY_US
from app.lifecycle.exploration import draw_place
from app.lifecycle.learned_effects import LearnedEffects
from app.lifecycle.stages import Stage
from app.runtime.main import COLLECT_AFTER
from app.scores.scoring import Scoring
from benchmarks.score import Timing, loop

CALLS_A_BLOCK: Final = 50
CONTACTS: Final = 50
NOW_US: Final = 20_000 * DAY_US + DAY_US // 2
CHANNEL: Final = "email"
GROUPS: Final = ("offer", "care", "service", "loyalty")
"""Of the candidates; surveys are capped for who was asked within a month."""
STAGES: Final = get_args(Stage)
CUSTOMER: Final = CustomerContext(
    "C-1",
    "growing",
    0.3,
    400.0,
    has_open_complaint=False,
    consents={"email": True},
    offered_us={f"action-{number}": NOW_US - (60 + number) * DAY_US for number in range(CONTACTS)},
    facts={"state.orders": 7.0, "score.churn_risk": 0.3, "score.value_tier": "high", "state.last_order_days": 20.0},
)


def make_contacts() -> list[Contact]:
    """Of half a year, the latest first, those of the last week few enough for another."""
    groups = get_args(Group)
    return [
        Contact(f"action-{number}", groups[number % len(groups)], CHANNEL, NOW_US - int((number + 4) * 3.5 * DAY_US))
        for number in range(CONTACTS)
    ]


def own_condition(chance: random.Random) -> dict[str, Any]:
    """Of three parts that hold, with bounds that no other action has."""
    return {
        "all_of": [
            {"fact": "state.orders", "at_least": round(chance.uniform(1, 6), 3)},
            {"fact": "score.churn_risk", "below": round(chance.uniform(0.4, 0.9), 6)},
            {"any_of": [{"fact": "score.value_tier", "one_of": ["high", "medium"]}, {"stage": ["lost"]}]},
        ]
    }


def make_actions(count: int, *, spread: bool = False, condition: Callable[[], Any] = lambda: None) -> list[Action]:
    """Of all groups, none behind a threshold; of one stage, or spread evenly over all of them."""
    chance = random.Random(0)
    return [
        Action.model_validate(
            {
                "action_id": f"action-{number}",
                "title": {"en": f"Action {number}", "zh": f"行动{number}"},
                "stages": [STAGES[number % len(STAGES)] if spread else CUSTOMER.stage],
                "channels": [CHANNEL, "store"],
                "aim": chance.choice(("retain", "grow")),
                "response_rate": round(chance.uniform(0.02, 0.3), 4),
                "effect": round(chance.uniform(0.05, 0.5), 4),
                "cost": round(chance.uniform(0, 0.5), 2),
                "group": chance.choice(GROUPS),
                "eligibility": condition(),
            }
        )
        for number in range(count)
    ]


def make_effects(action_ids: Sequence[str]) -> LearnedEffects:
    """Of which enough is known of all actions, at every stage."""
    chance, count = np.random.default_rng(0), len(action_ids)
    return LearnedEffects(
        tuple(action_ids),
        chance.uniform(0.1, 1.0, (count, len(STAGES), 6)),
        np.broadcast_to(np.eye(3) / 100, (count, len(STAGES), 3, 3)).copy(),
        np.full(count, 1000),
        np.zeros(2),
        np.ones(2),
    )


def make_catalogues(count: int) -> dict[str, ActionCatalogue]:
    """What is decided over."""
    chance = random.Random(1)
    shared = [own_condition(chance) for _ in range(5)]
    actions = {
        f"{count} actions, all of them candidates": make_actions(count),
        "… each with one of five conditions of three parts": make_actions(
            count, condition=lambda: chance.choice(shared)
        ),
        "… each with a condition of its own of three parts": make_actions(
            count, condition=lambda: own_condition(chance)
        ),
        "… spread over the stages": make_actions(count, spread=True),
        "default catalogue": DEFAULT_ACTIONS,
    }
    return {name: ActionCatalogue(each) for name, each in actions.items()}


def make_steps(count: int) -> dict[str, Callable[[], object]]:
    """What is timed: the choice with its gate over each catalogue, then its parts, then all of a decision."""
    settings, contacts = Settings(exploration=0.1), make_contacts()
    policy, book = settings.decision_policy, ContactBook(settings)
    options = {places: DecisionOptions(CHANNEL, places) for places in (1, 3)}
    wanted, request = options[1], DecisionRequest.model_validate({"channel": CHANNEL})
    catalogues = make_catalogues(count)
    known, worths = Known(contacts), [1.0 - place / count / 2 for place in range(count)]

    def choose_of(catalogue: ActionCatalogue, places: int = 1) -> object:
        gate = open_gate(CUSTOMER, wanted, NOW_US, book.rules, contacts=contacts)
        return choose(catalogue, CUSTOMER, options[places], policy, now_us=NOW_US, seed="d-1", gate=gate)

    def decide_of(catalogue: ActionCatalogue) -> object:
        deciding = Deciding(Scoring.of(settings, None), catalogue, policy, 50.0, 0.5, book)
        return decide("d-1", CUSTOMER, request, deciding, now_us=NOW_US, language="en", lateness=None, known=known)

    widest = next(iter(catalogues.values()))
    effects = make_effects([action.action_id for action in widest.actions])

    def choose_learned() -> object:
        told = effects.weigh_known(CUSTOMER.stage, CUSTOMER.churn_risk, CUSTOMER.value_at_stake)
        gate = open_gate(CUSTOMER, wanted, NOW_US, book.rules, contacts=contacts)
        customer = CUSTOMER._replace(learned=told)
        return choose(widest, customer, wanted, policy, now_us=NOW_US, seed="d-1", gate=gate)

    return {
        **{f"choice: {name}": partial(choose_of, catalogue) for name, catalogue in catalogues.items()},
        "choice of three: all of them candidates": lambda: choose_of(widest, 3),
        "choice by a learned policy: all of them candidates": choose_learned,
        f"contact gate of {CONTACTS} contacts": lambda: open_gate(
            CUSTOMER, wanted, NOW_US, book.rules, contacts=contacts
        ),
        f"chance among {count}": lambda: draw_place(worths, policy.exploration, "d-1", 0),
        "with answer and receipt: all of them candidates": lambda: decide_of(widest),
        "with answer and receipt: default catalogue": lambda: decide_of(catalogues["default catalogue"]),
    }


def time_block(call: Callable[[], object]) -> float:
    """CPU of a call, the median of a block, in microseconds."""
    durations_ns = []
    for _ in range(CALLS_A_BLOCK):
        start_ns = time.thread_time_ns()
        call()
        durations_ns.append(time.thread_time_ns() - start_ns)
    return median(durations_ns) / 1e3


def measure(steps: Mapping[str, Callable[[], object]], blocks: int) -> dict[str, Timing]:
    """The floor before each step, so that a slow moment meets both."""
    times_us: dict[str, list[float]] = {name: [] for name in steps}
    ratios: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(blocks):
        for name, step in steps.items():
            floor_us = time_block(loop)
            times_us[name].append(time_block(step))
            ratios[name].append(times_us[name][-1] / floor_us)
    return {
        name: Timing(median(times_us[name]), median(found), min(found), max(found)) for name, found in ratios.items()
    }


def timing_table(timings: Mapping[str, Timing], blocks: int) -> Table:
    table = Table(title=f"one decision, {blocks} blocks", title_justify="left")
    table.add_column("step")
    table.add_column("median µs of CPU", justify="right")
    table.add_column("of the floor (least–most)", justify="right")
    for name, timing in timings.items():
        ratio = f"{timing.ratio:.2f} ({timing.least:.2f}–{timing.most:.2f})"
        table.add_row(name, f"{timing.median_us:.1f}", ratio)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decision")
    parser.add_argument("--blocks", type=int, default=40, help=f"of {CALLS_A_BLOCK} calls of each step")
    parser.add_argument("--actions", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    asked = parser.parse_args(arguments)
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    timings = measure({"floor: 1,000 additions": loop, **make_steps(asked.actions)}, asked.blocks)
    Console(highlight=False).print(timing_table(timings, asked.blocks))
    if asked.json:
        steps = {name: asdict(timing) for name, timing in timings.items()}
        asked.json.write_text(json.dumps({"actions": asked.actions, "steps": steps}, indent=2) + "\n")


if __name__ == "__main__":
    main()
