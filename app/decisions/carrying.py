"""Actions that speak of items carry them: what is due with a reminder of it, what is new to them with a cross-sell."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson

CARRIED: Final = {
    "cross-sell": "discover",
    "replenishment-reminder": "replenish",
    "personal-recommendations": "home",
}
"""Action → the scenario of the items that it speaks of."""
_CHOSEN: Final = [b'"action_id":"%b","title"' % action_id.encode() for action_id in CARRIED]
"""As a chosen action begins; a suppressed one has no title."""

Suggest = Callable[[str, str, tuple[str, str], int, float], Awaitable[bytes | None]]
"""(scenario, customer, (decision, action), when it was decided, due by the monotonic clock) → recommendations, JSON.

None: there was no time. It does not raise."""


def may_carry(answer: bytes) -> bool:
    """Whether an action was chosen that carries items; of an answer with a decision in it, JSON."""
    return any(begin in answer for begin in _CHOSEN)


async def carry_items(suggest: Suggest, decision: dict[str, Any], decided_us: int, due_s: float) -> None:
    """Adds `recommendations` to the chosen actions that speak of items, in place; null: there was no time."""
    for action in decision["actions"]:
        scenario = CARRIED.get(action["action_id"])
        if scenario is not None:
            whose = (decision["decision_id"], action["action_id"])
            told = await suggest(scenario, decision["customer_id"], whose, decided_us, due_s)
            action["recommendations"] = None if told is None else orjson.Fragment(told)
