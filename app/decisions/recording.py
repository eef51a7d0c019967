"""What was weighed, as receipts keep it: enough to make the decision again."""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from app.decisions.schemas import DecisionRequest
from app.foundation.times import iso, to_us
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.contact_gate import ContactRules, Gate
from app.lifecycle.decisions import Choice, CustomerContext, DecisionOptions, Policy
from app.lifecycle.learned_effects import Learned, Response, WithResponses, is_learned_of
from app.lifecycle.places import Chosen

_KEPT_ELSEWHERE: Final = ("customer_id", "offered_us", "lacking", "unseen", "learned", "learned_by", "treatment")
"""In the receipt's own row, of the actions that were looked at alone, in what was suppressed, or beside these."""
_KEPT: Final = tuple(name for name in CustomerContext._fields if name not in _KEPT_ELSEWHERE)
_of_kept: Final = itemgetter(*map(CustomerContext._fields.index, _KEPT))
_KINDS: Final = {"learned": Learned, "responses": Response}


class MadeWith(NamedTuple):
    """The actions in force, what the deployment had decided, and the version of the scores' model; None: rules."""

    catalogue: ActionCatalogue
    policy: Policy
    model_version: str | None


def record_gate(gate: Gate, rules: ContactRules) -> dict[str, Any]:
    """What a receipt tells of the contact policy: which, and what its caps had counted before."""
    return {"policy": rules.version, "counts": [dict(counts) for counts in gate.counts]}


def record(
    choice: Choice,
    customer: CustomerContext,
    wanted: DecisionRequest,
    asked: DecisionOptions,
    made_with: MadeWith,
    *,
    is_late: bool,
) -> dict[str, Any]:
    """The receipt, but for the contact policy."""
    suppressed, catalogue = dict(choice.suppressed), made_with.catalogue
    known = dict(zip(_KEPT, _of_kept(customer), strict=True))
    seen = choice.worths.keys() | suppressed.keys()
    known["offered_us"] = {action_id: at_us for action_id, at_us in customer.offered_us.items() if action_id in seen}
    return {
        "request": {
            "channel": wanted.channel,
            "max_actions": wanted.max_actions,
            "exclude": wanted.exclude,
            "learning_enabled": wanted.learning_enabled,
            "context": wanted.context,
            **({} if wanted.deliver_at is None else {"deliver_at": iso(to_us(wanted.deliver_at))}),
        },
        "customer": known,
        "policy": _members(made_with.policy),
        **({} if customer.treatment is None else {"test": customer.treatment.as_kept()}),
        "expected_values": choice.worths,
        "suppressed": suppressed,
        "selection_probabilities": _probabilities(choice.chosen),
        "withheld": _probabilities(choice.withheld),
        "in_control_group": choice.in_control_group,
        "is_late": is_late,
        "catalogue": catalogue.digest,
        "catalogue_version": catalogue.version,
        "model_version": made_with.model_version,
        **_learned(choice, customer, asked, catalogue),
    }


def _learned(
    choice: Choice, customer: CustomerContext, asked: DecisionOptions, catalogue: ActionCatalogue
) -> dict[str, Any]:
    """What was learned of the actions that were weighed, and by which policy; nothing where none was asked."""
    if not (learned := customer.learned_for(asked)):
        return {}
    weighed = [action_id for action_id in choice.worths if action_id in learned]
    if customer.has_open_complaint or customer.complaint_resolved_us is not None:
        weighed = [action_id for action_id in weighed if is_learned_of(catalogue.by_id[action_id])]
    told = {"policy_version": customer.learned_by, "learned": {each: list(learned[each]) for each in weighed}}
    if not isinstance(learned, WithResponses):
        return told
    parts = {name: [each for each in weighed if isinstance(learned[each], kind)] for name, kind in _KINDS.items()}
    return told | {name: {each: list(learned[each]) for each in part} for name, part in parts.items()}


def _probabilities(chosen: Sequence[Chosen]) -> dict[str, float]:
    return {item.action.action_id: item.selection_probability for item in chosen}


@lru_cache
def _members(policy: Policy) -> dict[str, float]:
    return policy._asdict()
