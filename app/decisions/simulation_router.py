"""`POST /v1/actions:simulate`."""

import time
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter

from app.database.engine import Driver, transaction
from app.decisions.carrying import CARRIED
from app.decisions.held import Decisions
from app.decisions.reservation_queries import read_counters
from app.decisions.simulating import MOST_PERSONS, Simulated, Simulation, counter_of, simulate
from app.decisions.simulation_schemas import SimulationIn, SimulationOut
from app.foundation.errors import NotFound, violation
from app.foundation.times import iso
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.simulations import Share, shares

router = APIRouter(prefix="/v1", tags=["actions"], route_class=HotRoute)


@router.post(
    "/actions:simulate",
    dependencies=[requires("read")],
    response_model=SimulationOut,
    summary="How many of today's customers an action would be for",
    openapi_extra=json_body(schema_of(SimulationIn)),
)
async def post_simulation(request: HotRequest) -> bytes:
    """By each of its conditions, in the order of a decision. Nothing is written, and no cap is touched.

    Of more than 20,000 customers as many are drawn at random, the same all day.
    """
    asked = await read_model(request, SimulationIn, strict=True)
    resources, held = request.resources, request.resources.of(Decisions)
    async with held.simulating:
        deciding, now_us = held.deciding(), time.time_ns() // 1000
        simulated = _find(asked, held)
        async with transaction(resources.engine) as connection:
            counters = await read_counters(connection)
        left = counter_of(simulated.action, deciding.book, counters, now_us)
        driver = Driver(resources.engine)
        try:
            simulation = await simulate(driver, simulated, deciding, left, now_us, MOST_PERSONS)
        finally:
            await driver.close()
    model = deciding.scoring.model
    answer = {
        "action_id": simulated.action.action_id,
        "channels": simulated.channels,
        "as_of": iso(now_us),
        "customers": simulation.customers,
        "is_sample": simulation.tally.customers < simulation.customers,
        "sampled": simulation.tally.customers,
        "left": simulation.left,
        "left_out": _left_out(simulated, deciding.book.rules),
        "model_version": None if model is None else model.version,
        "funnel": _render(simulation),
    }
    return orjson.dumps(answer)


def _find(asked: SimulationIn, held: Decisions) -> Simulated:
    """Raises NotFound, and Malformed where the action is not for the channel."""
    action: Action | None = asked.action or held.catalogue.by_id.get(asked.action_id or "")
    if action is None:
        raise NotFound("There is no such action.")
    if asked.channel is not None and asked.channel not in action.channels:
        raise violation(("channel",), "The action is not for this channel.")
    return Simulated(action, action.channels if asked.channel is None else (asked.channel,), asked.context)


def _left_out(simulated: Simulated, rules: ContactRules) -> list[str]:
    has_quiet_hours = any({*span.channels} & {*simulated.channels} for span in rules.policy.quiet_hours)
    has_items = simulated.action.action_id in CARRIED
    return [name for name, is_so in (("quiet_hours", has_quiet_hours), ("items", has_items)) if is_so]


def _render(simulation: Simulation) -> list[dict[str, Any]]:
    alone, after = (_told(counts, simulation) for counts in (simulation.tally.alone, simulation.tally.after))
    return [
        {
            "step": step.name,
            "condition": {"en": step.en, "zh": step.zh},
            "alone": alone[place],
            "after": after[place],
        }
        for place, step in enumerate(simulation.steps)
    ]


def _told(counts: Sequence[int], simulation: Simulation) -> list[dict[str, Any]]:
    return [_rounded(each) for each in shares(counts, simulation.tally.customers, simulation.customers)]


def _rounded(told: Share) -> dict[str, Any]:
    return {name: value if value is None else round(value, 6) for name, value in told._asdict().items()}
