"""Scores → decisions: customer, choice, answer and receipt."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.decisions.carrying import Choosing, LackingOf
from app.decisions.contact_book import ContactBook
from app.decisions.deadlines import Lateness
from app.decisions.explaining import explain_choice, explain_learned
from app.decisions.knowing import read_facts
from app.decisions.recording import MadeWith, record, record_gate
from app.decisions.schemas import DecisionRequest
from app.decisions.split_tests import RunningTests
from app.foundation.times import iso, to_us
from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.arms import Arms
from app.lifecycle.contact_gate import NONE_SPENT, Contact, ContactRules, Spent
from app.lifecycle.decisions import (
    CustomerContext,
    DecisionOptions,
    Policy,
    choose,
    failing_clause,
    learns,
    open_gate,
)
from app.lifecycle.events import DAY_US
from app.lifecycle.learned_effects import AnyLearned, Response, estimate_of
from app.lifecycle.looks import SuppressionCode
from app.lifecycle.places import Chosen
from app.models.policy_artefact import PolicyModel
from app.scores.scoring import Scoring
from app.scores.service import Score, value_of


class Decision(NamedTuple):
    """A decision as it is answered, and its receipt.

    `taken` are the actions chosen, `withheld` those that the control group goes without; they cool down alike. Where
    they are not shown at once, they are kept for the customer until `reserved_until_us`.
    """

    decision_id: str
    decided_us: int
    answer: dict[str, Any]
    receipt: dict[str, Any]
    taken: tuple[Action, ...]
    reserved_until_us: int | None = None
    withheld: tuple[Action, ...] = ()

    @property
    def offered(self) -> tuple[Action, ...]:
        """What begins to cool down."""
        return (*self.taken, *self.withheld)


class Known(NamedTuple):
    """What a decision is made of beside what was read of the customer: contacts, the latest first; when actions were
    offered meanwhile; what nobody is to have any more; and by which rules (None: those of now)."""

    contacts: Sequence[Contact] = ()
    offered_us: Mapping[str, int] = {}
    spent: Spent = NONE_SPENT
    rules: ContactRules | None = None


def checkout_decision_id(source: str, event_id: str) -> str:
    """The decision of a checkout follows from its event, so that a repeat finds the first."""
    name = f"{source}\x1f{event_id}".encode()
    return hashlib.blake2b(name, digest_size=16, person=b"checkout").hexdigest()


class Deciding(NamedTuple):
    """What decisions are made with. `typical_order` is a usual order in major units, `warning_risk` the
    churn risk from which a customer is warned of, `book` what is known of contacts, `lacking_of` which actions have no
    items (None: all have), `arms` who is held out and who is decided of by the rules alone, `activation_us` how long
    what is only prepared is kept, `learned` the policy in force (None: the catalogue's priors decide), `tests` those
    of two sides that run (None: none does)."""

    scoring: Scoring
    catalogue: ActionCatalogue
    policy: Policy
    typical_order: float
    warning_risk: float
    book: ContactBook
    lacking_of: LackingOf | None = None
    arms: Arms = Arms()
    activation_us: int = DAY_US
    learned: PolicyModel | None = None
    tests: RunningTests | None = None

    def policy_of(self, customer: CustomerContext) -> PolicyModel | None:
        """The learned policy that a customer is decided of by; None: none is."""
        if self.learned is not None and self.learned.version == customer.learned_by:
            return self.learned
        policies = {} if self.tests is None else self.tests.policies
        return policies.get(customer.learned_by or "")

    @property
    def choosing(self) -> Choosing:
        """What a choice is made with."""
        return Choosing(self.catalogue, self.policy, self.book.rules)


def options_of(wanted: DecisionRequest, lateness: Lateness | None) -> DecisionOptions:
    """What is asked for. Where it is late nothing is chosen: an offer that nobody waits for would only start its
    cool-down."""
    places = wanted.max_actions if lateness is None else 0
    deliver_us = None if wanted.deliver_at is None else to_us(wanted.deliver_at)
    exclude = frozenset(wanted.exclude)
    return DecisionOptions(wanted.channel, places, exclude, wanted.learning_enabled, deliver_us, wanted.context)


def customer_context(
    score: Score,
    deciding: Deciding,
    offered_us: Mapping[str, int],
    asked: DecisionOptions,
    time_zone: str | None = None,
) -> CustomerContext:
    """What a decision needs to know, from a score. Who has not bought is worth a usual order. Where nothing is to be
    chosen, what was learned is not looked at."""
    state, value = score.state, value_of(score, deciding.scoring)
    at_stake, learned = deciding.typical_order if value is None else value, deciding.learned
    stage, risk = score.judgement.stage, score.churn_risk
    goes_by = state.person_id or state.customer_id
    arm = deciding.arms.of(goes_by)
    is_learner, treatment = learns(arm, asked), None
    if deciding.tests is not None and is_learner:
        treatment, learned = deciding.tests.assign(goes_by, asked.channel, score.as_of_us, learned)
    is_weighed = learned is not None and is_learner and asked.max_actions > 0
    return CustomerContext(
        customer_id=state.customer_id,
        stage=stage,
        churn_risk=risk,
        value_at_stake=at_stake,
        has_open_complaint=state.open_complaints > 0,
        consents=state.consents(),
        purposes=state.purposes(),
        offered_us=offered_us,
        person_id=state.person_id,
        complaint_resolved_us=state.complaint_resolved_us,
        arm=arm,
        refuses_profiling=state.refuses_profiling,
        csat=state.csat,
        csat_us=state.csat_us,
        time_zone=time_zone,
        facts=read_facts(
            score, deciding.scoring, deciding.catalogue.facts, ZoneInfo(time_zone or deciding.book.rules.zone)
        ),
        learned=learned.effects.weigh_known(stage, risk, at_stake) if learned is not None and is_weighed else {},
        learned_by=None if learned is None else learned.version,
        treatment=treatment,
    )


def decide(
    decision_id: str,
    customer: CustomerContext,
    wanted: DecisionRequest,
    deciding: Deciding,
    *,
    now_us: int,
    language: str,
    lateness: Lateness | None,
    known: Known = Known(),  # noqa: B008 - nothing, for ever
) -> Decision:
    """Chooses, and writes down what was weighed. The decision's id seeds the draw."""
    because = lateness or ("no_model" if deciding.scoring.model is None else None)
    asked = options_of(wanted, lateness)
    if known.offered_us:
        customer = customer._replace(offered_us=_latest(customer.offered_us, known.offered_us))
    rules = known.rules or deciding.book.rules
    gate = open_gate(customer, asked, now_us, rules, contacts=known.contacts, spent=known.spent)
    contact = record_gate(gate, rules)
    policy = _policy_of(customer, deciding)
    choice = choose(deciding.catalogue, customer, asked, policy, now_us=now_us, seed=decision_id, gate=gate)
    answer = {
        "decision_id": decision_id,
        "customer_id": customer.customer_id,
        "in_control_group": choice.in_control_group,
        "degraded": because is not None,
        "degraded_because": because,
        "actions": [
            {
                **_render(chosen, place, now_us, language),
                **_estimate(chosen.action, customer.learned_for(asked)),
                "reasons": _explain(chosen, customer, asked, deciding, language),
            }
            for place, chosen in enumerate(choice.chosen, 1)
        ],
        "suppressed": [
            tell_suppressed(held, deciding.catalogue, customer, asked, language) for held in choice.suppressed
        ],
    }
    model = deciding.scoring.model
    made_with = MadeWith(deciding.catalogue, policy, None if model is None else model.version)
    receipt = record(choice, customer, wanted, asked, made_with, is_late=lateness is not None) | {"contact": contact}
    taken = tuple(item.action for item in choice.chosen)
    withheld = tuple(item.action for item in choice.withheld)
    until_us = None if wanted.activate or not (taken or withheld) else now_us + deciding.activation_us
    return Decision(decision_id, now_us, answer, receipt, taken, until_us, withheld)


def _policy_of(customer: CustomerContext, deciding: Deciding) -> Policy:
    """The deployment's, with as much chance as a test has the customer decided with."""
    chance = None if customer.treatment is None else customer.treatment.exploration
    return deciding.policy if chance is None else deciding.policy._replace(exploration=chance)


def _latest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {**one, **{action_id: max(us, one.get(action_id, us)) for action_id, us in other.items()}}


def tell_suppressed(
    held: tuple[str, SuppressionCode],
    catalogue: ActionCatalogue,
    customer: CustomerContext,
    asked: DecisionOptions,
    language: str,
) -> dict[str, Any]:
    """What was held back, and by which of its conditions where it was by one."""
    action_id, code = held
    told: dict[str, Any] = {"action_id": action_id, "code": code}
    if code in ("condition_failed", "condition_unknown"):
        failing = failing_clause(catalogue.by_id[action_id], customer, asked)
        told["condition"] = failing and getattr(failing[0], language)
    return told


def undecided(decision_id: str, customer_id: str) -> dict[str, Any]:
    """The answer where there was no time to read who the customer is, nor so to decide anything."""
    return {
        "decision_id": decision_id,
        "customer_id": customer_id,
        "in_control_group": None,
        "degraded": True,
        "degraded_because": "no_receipt",
        "actions": [],
        "suppressed": [],
    }


def _explain(
    chosen: Chosen, customer: CustomerContext, asked: DecisionOptions, deciding: Deciding, language: str
) -> list[dict[str, Any]]:
    reasons, action = explain_choice(chosen, customer), chosen.action
    learned, model = customer.learned_for(asked).get(action.action_id), deciding.policy_of(customer)
    if learned is None or model is None:
        return reasons
    return reasons + explain_learned(action, learned, customer, model, deciding.scoring.currency, language)


def _estimate(action: Action, learned: Mapping[str, AnyLearned]) -> dict[str, Any]:
    """What an action's worth comes from, and how likely it is that it is responded to."""
    estimate, known = estimate_of(action, learned), learned.get(action.action_id)
    is_response = estimate == "response" and isinstance(known, Response)
    probability = min(max(known.told, 0.0), 1.0) if known is not None and is_response else action.response_rate
    return {"response_probability": probability, "estimate": estimate}


def _render(chosen: Chosen, place: int, now_us: int, language: str) -> dict[str, Any]:
    action = chosen.action
    return {
        "action_id": action.action_id,
        "title": getattr(action.title, language),
        "body": None if action.body is None else getattr(action.body, language),
        "group": action.group,
        "mechanic": None if action.mechanic is None else action.mechanic.model_dump(),
        "priority": place,
        "selection_probability": chosen.selection_probability,
        "expires_at": iso(now_us + action.validity_days * DAY_US),
    }
