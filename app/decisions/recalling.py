"""A receipt → what was decided with, so that the decision can be computed again."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.arms import Arm
from app.lifecycle.decisions import Choice, CustomerContext, DecisionOptions, Policy, choose


class Recalled(NamedTuple):
    """What `choose` was given, but for the catalogue."""

    customer: CustomerContext
    wanted: DecisionOptions
    policy: Policy
    decided_us: int
    decision_id: str

    def choose(self, catalogue: ActionCatalogue) -> Choice:
        """The decision once more; the same where the catalogue is."""
        return choose(catalogue, self.customer, self.wanted, self.policy, now_us=self.decided_us, seed=self.decision_id)


def recall(customer_id: str, decision_id: str, decided_us: int, receipt: Mapping[str, Any]) -> Recalled:
    """From the row of a decision. Of actions that were held back before their items were asked for it is not known
    whether they have any, nor does it matter. Receipts of before there were arms, and of before they held what cools
    down, are read as far as they go."""
    asked, suppressed = receipt["request"], receipt["suppressed"]
    arm: Arm = "control" if receipt["in_control_group"] else "learner"
    known = {"offered_us": {}, "arm": arm, **receipt["customer"]}
    customer = CustomerContext(
        customer_id=customer_id,
        **known,
        lacking={action_id for action_id, code in suppressed.items() if code == "no_items"},
        unseen={action_id for action_id, code in suppressed.items() if code == "items_unseen"},
    )
    places = 0 if receipt["is_late"] else asked["max_actions"]
    wanted = DecisionOptions(asked["channel"], places, frozenset(asked["exclude"]), asked["learning_enabled"])
    return Recalled(customer, wanted, Policy(**receipt["policy"]), decided_us, decision_id)
