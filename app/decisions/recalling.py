"""A receipt → what was decided with, so that the decision can be computed again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from app.foundation.times import to_us
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.arms import Arm
from app.lifecycle.contact_gate import SPENT_CODES, ContactRules, Spent
from app.lifecycle.decisions import Choice, CustomerContext, DecisionOptions, Policy, choose, rank
from app.lifecycle.learned_effects import AnyLearned, Learned, LearnedEffects, Response, WithResponses
from app.lifecycle.places import first_chances
from app.lifecycle.split_tests import Treatment


class Recalled(NamedTuple):
    """What `choose` was given, but for the catalogue."""

    customer: CustomerContext
    wanted: DecisionOptions
    policy: Policy
    decided_us: int
    decision_id: str
    counts: Sequence[Mapping[str, int]] | None
    """What the caps of the contact policy had counted; None: there were none yet."""
    spent: Spent
    contact_policy: int | None = None
    """The version of it; None: there was none yet."""

    def choose(self, catalogue: ActionCatalogue, rules: ContactRules) -> Choice:
        """The decision once more; the same where the catalogue and the contact policy are."""
        at_us = self.decided_us if self.wanted.deliver_us is None else self.wanted.deliver_us
        of = (self.customer, self.wanted.channel, at_us)
        gate = rules.gate(*of) if self.counts is None else rules.reopen(*of, self.counts, self.spent)
        return choose(
            catalogue,
            self.customer,
            self.wanted,
            self.policy,
            now_us=self.decided_us,
            seed=self.decision_id,
            gate=gate,
        )

    def first_chances(
        self, catalogue: ActionCatalogue, rules: ContactRules, learned: LearnedEffects | None
    ) -> dict[str, float]:
        """Action → with which probability it would be given the first place were the customer the learner's, by
        another policy (None: by the catalogue alone) and the actions and rules of now."""
        customer, at_us = self.customer, self.decided_us if self.wanted.deliver_us is None else self.wanted.deliver_us
        told = (customer.stage, customer.churn_risk, customer.value_at_stake)
        known = {} if learned is None else learned.weigh_known(*told)
        customer = customer._replace(arm="learner", learned=known, treatment=None)
        of, is_same = (customer, self.wanted.channel, at_us), self.contact_policy == rules.version
        gate = rules.reopen(*of, self.counts, self.spent) if is_same and self.counts is not None else rules.gate(*of)
        ranked = rank(catalogue, customer, self.wanted, self.policy, self.decided_us, gate)
        return first_chances(ranked, self.policy.exploration)


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
        learned=_recall_learned(receipt),
        learned_by=receipt.get("policy_version"),
        treatment=Treatment(**receipt["test"]) if "test" in receipt else None,
    )
    places = 0 if receipt["is_late"] else asked["max_actions"]
    deliver_us = to_us(datetime.fromisoformat(asked["deliver_at"])) if "deliver_at" in asked else None
    wanted = DecisionOptions(
        asked["channel"], places, frozenset(asked["exclude"]), asked["learning_enabled"], deliver_us, asked["context"]
    )
    spent: Spent = {action_id: code for action_id, code in suppressed.items() if code in SPENT_CODES}
    contact = receipt.get("contact", {})
    policy, told = Policy(**receipt["policy"]), (contact.get("counts"), spent, contact.get("policy"))
    return Recalled(customer, wanted, policy, decided_us, decision_id, *told)


def _recall_learned(receipt: Mapping[str, Any]) -> dict[str, AnyLearned]:
    effects = {action_id: Learned(*told) for action_id, told in receipt.get("learned", {}).items()}
    responses = {action_id: Response(*told) for action_id, told in receipt.get("responses", {}).items()}
    return WithResponses({**effects, **responses}) if responses else {**effects}
