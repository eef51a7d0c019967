"""Outcomes that are told → events of the customers whose decisions they are of."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.outcome_schemas import OutcomeIn
from app.decisions.receipt_queries import find_choice, find_latest_choice
from app.foundation.errors import Conflict, NotFound, Problem, TooLate, violation
from app.foundation.times import MAX_AHEAD_US, iso, to_us
from app.ingest.admission import admit_with_warnings
from app.ingest.intake import Intake, Submission
from app.ingest.pseudonyms import ask_for
from app.ingest.receipts import render_receipt
from app.ingest.refusals import Rejection
from app.ingest.rules import Rules
from app.lifecycle.events import Event

SOURCE: Final = "/v1/outcomes"


class Times(NamedTuple):
    """Now, how long after its decision an outcome may come, and how long after it may be told."""

    now_us: int
    window_us: int
    wait_us: int


class Told(NamedTuple):
    """An outcome as an event. Not `is_named`: the sender gave it no id, and told again it is the same."""

    event: Event
    is_named: bool


async def find_event(connection: AsyncConnection, outcome: OutcomeIn, rules: Rules, times: Times) -> Told | Problem:
    """The event of an outcome; or why it is refused: NotFound, TooLate, or Malformed."""
    occurred_us = times.now_us if outcome.time is None else to_us(outcome.time)
    if outcome.customer_id is not None:
        outcome = outcome.model_copy(update={"customer_id": ask_for(outcome.customer_id, rules)})
    decision = await _find_decision(connection, outcome, occurred_us, times)
    if decision is None:
        return NotFound("There is no decision that chose this action, in whose window it falls.")
    if not decision.is_chosen:
        return violation(("action_id",), "The decision did not choose it.")
    late = find_lateness(decision.decided_us, occurred_us, times)
    if late is not None:
        return late
    raw = _write_event(outcome, decision, occurred_us)
    admitted, _ = admit_with_warnings(raw, rules, times.now_us)
    if isinstance(admitted, Rejection):
        return admitted.problem
    return Told(admitted, outcome.outcome_id is not None)


def find_lateness(decided_us: int, occurred_us: int, times: Times) -> Problem | None:
    """Why an outcome of a decision of then is refused; None: it is not."""
    if occurred_us < decided_us - MAX_AHEAD_US:
        return violation(("time",), "It is before the decision.")
    if occurred_us > decided_us + times.window_us:
        return TooLate("It happened after the attribution window of the decision.")
    if times.now_us > decided_us + max(times.window_us, times.wait_us):
        return TooLate("The reward of the decision is final, and learned from.")
    return None


async def _find_decision(connection: AsyncConnection, outcome: OutcomeIn, occurred_us: int, times: Times) -> Any:
    """The decision that is named; else the customer's latest that chose the action before, in a window of it."""
    if outcome.decision_id is not None:
        return await find_choice(connection, outcome.decision_id, outcome.action_id)
    since_us, until_us = occurred_us - times.window_us, occurred_us + MAX_AHEAD_US
    return await find_latest_choice(connection, outcome.customer_id or "", outcome.action_id, since_us, until_us)


def _write_event(outcome: OutcomeIn, decision: Any, occurred_us: int) -> dict[str, Any]:
    """As a sender would have sent it. Where no decision is named, none is: it may be of several."""
    data: dict[str, Any] = {"action_id": outcome.action_id, "channel": decision.channel}
    if outcome.decision_id is not None:
        data["decision_id"] = outcome.decision_id
    return {
        "specversion": "1.0",
        "id": outcome.outcome_id or _id_of(outcome, decision.decision_id),
        "source": SOURCE,
        "type": f"action.{outcome.outcome}",
        "subject": outcome.customer_id or decision.customer_id,
        "time": iso(occurred_us),
        "data": data,
    }


def _id_of(outcome: OutcomeIn, decision_id: str) -> str:
    name = f"{decision_id}\x1f{outcome.action_id}\x1f{outcome.outcome}".encode()
    return hashlib.blake2b(name, digest_size=16, person=b"outcome").hexdigest()


async def keep_outcomes(intake: Intake, told: Sequence[Told | Problem]) -> list[str | Problem]:
    """Counts the events, and tells what became of each outcome, in their order."""
    events = [each for each in told if isinstance(each, Told)]
    if not events:
        return [each for each in told if isinstance(each, Problem)]
    submission = Submission(tuple(each.event for each in events))
    entry = await intake.enter(submission, is_single=len(events) == 1)
    statuses = iter(zip(events, entry.statuses, strict=True))
    return [each if isinstance(each, Problem) else _judge(*next(statuses)) for each in told]


def _judge(told: Told, status: str) -> str | Problem:
    if status != "conflict":
        return status
    return Conflict("This outcome_id came before with other content.") if told.is_named else "duplicate"


def render_outcomes(results: Sequence[str | Problem]) -> Mapping[str, Any]:
    """The answer to a batch."""
    told = [
        {"status": "rejected", "problem": each.as_json()} if isinstance(each, Problem) else {"status": each}
        for each in results
    ]
    return render_receipt(told, ("accepted", "duplicate", "rejected"))
