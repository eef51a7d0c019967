"""How many actions each step of a decision leaves, from its receipt."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

ELIGIBILITY: Final = frozenset(
    {
        *("excluded", "no_open_complaint", "no_resolved_complaint", "risk_too_low", "value_too_low"),
        *("condition_failed", "condition_unknown"),
        *("items_unseen", "no_items", "no_gain"),
    }
)
"""Codes of actions that are not for the customer or the request. Any other holds back what would be: consent,
complaints, cool-downs, caps, the control group."""


class Funnel(NamedTuple):
    """Counts of actions: for the stage and channel, of these for the customer, of these allowed, of these taken."""

    candidates: int
    after_eligibility: int
    after_policy: int
    chosen: int


def funnel_of(eligible: int, suppressed: Collection[str], chosen: int) -> Funnel:
    """`suppressed` are the codes of what was held back, one an action; `eligible` how many were not."""
    unfit = sum(code in ELIGIBILITY for code in suppressed)
    candidates = eligible + len(suppressed)
    return Funnel(candidates, candidates - unfit, eligible, chosen)


def funnel_in(receipt: Mapping[str, Any]) -> Funnel:
    """The funnel of a decision."""
    suppressed = receipt["suppressed"]
    eligible = len(receipt["expected_values"].keys() - suppressed.keys())
    return funnel_of(eligible, suppressed.values(), len(receipt["selection_probabilities"]))
