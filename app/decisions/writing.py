"""Decisions on their way to the database: receipts, and when actions were last offered."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from app.database.engine import Driver
from app.decisions.queries import WRITE_DECISIONS
from app.decisions.service import Decision
from app.lifecycle.identifiers import BASKET

_NONE_LATE: Final[Mapping[tuple[str, str], int]] = {}


async def write_decisions(
    driver: Driver,
    decisions: Sequence[tuple[Decision, bytes]],
    delivered_late: Mapping[tuple[str, str], int] = _NONE_LATE,
) -> set[str]:
    """Writes receipts and offers, each decision with the answer that a repeat is given (JSON). Beside them offers of
    `delivered_late`: (customer, action) → when it was.

    Returns the ids of those that were not there before.
    """
    offered: dict[tuple[str, str], tuple[int, str | None]]
    offered = {pair: (at_us, None) for pair, at_us in delivered_late.items()}
    offered |= {
        (decision.answer["customer_id"], action.action_id): (decision.decided_us, decision.decision_id)
        for decision, _ in decisions
        for action in decision.offered
        if not decision.answer["customer_id"].startswith(BASKET)
    }
    rows = await driver.fetch(
        WRITE_DECISIONS,
        customer_id=[decision.answer["customer_id"] for decision, _ in decisions],
        decision_id=[decision.decision_id for decision, _ in decisions],
        decided_us=[decision.decided_us for decision, _ in decisions],
        receipt=[orjson.dumps(decision.receipt).decode() for decision, _ in decisions],
        answer=[answer.decode() for _, answer in decisions],
        reserved_until_us=[decision.reserved_until_us for decision, _ in decisions],
        offered_to=[customer_id for customer_id, _ in offered],
        offered_action=[action_id for _, action_id in offered],
        offered_us=[decided_us for decided_us, _ in offered.values()],
        offered_by=[decision_id for _, decision_id in offered.values()],
    )
    return {row["decision_id"] for row in rows}
