"""Why an action was chosen: what was known of the customer, what was expected, and what was learned."""

from typing import Any

from app.lifecycle.actions import Action
from app.lifecycle.decisions import CustomerContext
from app.lifecycle.effect_words import Told, say_learned
from app.lifecycle.learned_effects import AnyLearned, is_learned_of
from app.lifecycle.places import Chosen
from app.models.policy_artefact import PolicyModel


def explain_choice(chosen: Chosen, customer: CustomerContext) -> list[dict[str, Any]]:
    """The reasons that there always are."""
    risk = None if customer.churn_risk is None else round(customer.churn_risk, 6)
    return [
        {"code": "stage", "value": customer.stage},
        {"code": "churn_risk", "value": risk},
        {"code": "value_at_stake", "value": round(customer.value_at_stake, 2)},
        {"code": "expected_value", "value": round(chosen.expected_value, 4)},
    ]


def explain_learned(
    action: Action, learned: AnyLearned, customer: CustomerContext, model: PolicyModel, currency: str, language: str
) -> list[dict[str, Any]]:
    """Those of a learned effect or response: it, how sure it is, and the terms that add up to it. None where it is not
    reckoned with."""
    if not is_learned_of(action):
        return []
    stage, risk, at_stake = customer.stage, customer.churn_risk, customer.value_at_stake
    explained = model.effects.explain(action.action_id, learned, stage, risk, at_stake)
    said = say_learned(explained, Told(action.group, stage, risk, at_stake, currency), language)
    return [{"code": code, "value": value, "text": text} for code, value, text in said]
