"""Actions that speak of items carry them: what is due with a reminder of it, what is new to them with a cross-sell."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, Literal, NamedTuple

import orjson

from app.customers.item_states import ItemStates
from app.customers.state import CustomerState
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.decisions import CustomerContext, DecisionOptions, Policy, open_gate, rank
from app.lifecycle.places import Eligible, with_equals

CARRIED: Final[dict[str, Literal["discover", "replenish", "home"]]] = {
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
FindLacking = Callable[[str, Collection[str], float], Awaitable[frozenset[str]]]
"""(customer, actions, due by the monotonic clock) → those of the actions that have no items for the customer.

None of them, where there was no time to look. It does not raise."""
LackingOf = Callable[[CustomerState, ItemStates, Collection[str]], frozenset[str]]
"""The same of a customer of whom all is read."""


class Choosing(NamedTuple):
    """What a choice is made with."""

    catalogue: ActionCatalogue
    policy: Policy
    rules: ContactRules


def find_carrying(choosing: Choosing, customer: CustomerContext, wanted: DecisionOptions, now_us: int) -> list[str]:
    """The actions that speak of items and may be chosen, as far as that depends neither on the items nor on what is
    found out when the decision is settled."""
    return [action_id for _, _, action_id, _ in _rank(choosing, customer, wanted, now_us) if action_id in CARRIED]


def find_foremost(
    choosing: Choosing, customer: CustomerContext, wanted: DecisionOptions, now_us: int
) -> tuple[list[str], list[str]]:
    """Those of `find_carrying` to look for items of, and those not to: a till does not wait for items that would change
    nothing. All are looked for where one of them may have a place by its worth, drawn among equals or not, or by a
    test; else chance has none of them."""
    ranked = _rank(choosing, customer, wanted, now_us)
    carrying = [action_id for _, _, action_id, _ in ranked if action_id in CARRIED]
    placed = {action_id for _, _, action_id, _ in with_equals(ranked, wanted.max_actions)}
    if customer.treatment is not None:
        placed |= customer.treatment.action_ids
    return (carrying, []) if placed & {*carrying} else ([], carrying)


def _rank(choosing: Choosing, customer: CustomerContext, wanted: DecisionOptions, now_us: int) -> list[Eligible]:
    catalogue, policy, rules = choosing
    if not wanted.max_actions:
        return []
    gate = open_gate(customer, wanted, now_us, rules)
    return rank(catalogue, customer, wanted, policy, now_us, gate)


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
