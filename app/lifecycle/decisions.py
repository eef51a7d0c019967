"""Decisions: which actions a customer is eligible for, what each is worth, and which is chosen.

Every choice carries the probability with which it was made, so that policies can be compared
off-line by inverse propensity, and every refusal its code.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, get_args

from app.lifecycle.actions import Action, ActionCatalogue, Group
from app.lifecycle.arms import Arm
from app.lifecycle.condition_tests import Known
from app.lifecycle.conditions import Clause, first_failing
from app.lifecycle.contact_gate import ContactCode, ContactRules, Gate
from app.lifecycle.events import DAY_US
from app.lifecycle.exploration import draw_place, selection_probabilities
from app.lifecycle.stages import Stage
from app.lifecycle.tact import TactCode, tactless

ComplaintCode = Literal["no_open_complaint", "no_resolved_complaint", "open_complaint"]
SuppressionCode = Literal[
    "excluded",
    ComplaintCode,
    "risk_too_low",
    "value_too_low",
    TactCode,
    "condition_unknown",
    "condition_failed",
    ContactCode,
    "cooling_down",
    "items_unseen",
    "no_items",
    "no_gain",
    "control_group",
]


class CustomerContext(NamedTuple):
    """What a decision needs to know of a customer. `value_at_stake` is spend in the horizon, major units."""

    customer_id: str
    stage: Stage
    churn_risk: float | None
    value_at_stake: float
    has_open_complaint: bool
    consents: Mapping[str, bool]
    """Channel → granted or denied, by the latest word; `*` is every channel."""
    offered_us: Mapping[str, int]
    """Action → time of its last offer."""
    person_id: str | None = None
    """The id that a person of several ids goes by; None: the customer's own."""
    lacking: Collection[str] = ()
    """Actions that speak of items and have none for the customer."""
    unseen: Collection[str] = ()
    """Actions that speak of items which were not looked for."""
    facts: Mapping[str, Any] = MappingProxyType({})
    """What conditions and tact read, by name."""
    complaint_resolved_us: int | None = None
    """When the latest complaint that is settled was."""
    arm: Arm = "learner"
    """Of the person, by `person_id` or the customer's own."""
    refuses_profiling: bool = False
    csat: float | None = None
    """Latest satisfaction, 1 to 5, of `csat_us`."""
    csat_us: int | None = None
    time_zone: str | None = None
    """Of the IANA database; None: not known."""

    def was_settled(self, now_us: int) -> bool:
        """Whether a complaint was resolved so lately that it is asked whether it is."""
        return self.complaint_resolved_us is not None and now_us - self.complaint_resolved_us < FOLLOW_UP_DAYS * DAY_US


FOLLOW_UP_DAYS: Final = 14
"""How long after a complaint was resolved it is asked whether it is settled."""


class DecisionOptions(NamedTuple):
    """What is asked for."""

    channel: str
    max_actions: int
    exclude: Collection[str] = ()
    learning_enabled: bool = True
    deliver_us: int | None = None
    """When what is chosen is to be delivered; None: now."""
    context: Mapping[str, Any] = MappingProxyType({})
    """What the request told of itself, for conditions."""


COMPLAINT_RISK: Final = 0.54
"""How many leave for good whose complaint of a small loss is not settled to their satisfaction: 46 % would buy again.

Of a loss above 100 dollars 81 % leave; settled quickly 5 % and 18 %. Technical Assistance Research Programs, Consumer
Complaint Handling in America, U.S. Office of Consumer Affairs, 1979.
"""


class Policy(NamedTuple):
    """What a deployment decides: share held out, probability of exploring, gross margin on spend, the share of
    customers whom a complaint that stays open loses, and the share that is decided of by the rules alone."""

    control_share: float
    exploration: float
    margin: float
    complaint_risk: float = COMPLAINT_RISK
    usual_share: float = 0.0


class Chosen(NamedTuple):
    """An action, its worth in margin (major units) and the probability of choosing it for its place."""

    action: Action
    expected_value: float
    selection_probability: float


class Choice(NamedTuple):
    """The outcome of arbitration among the actions for the stage and channel.

    `worths` are the expected values of all that were eligible, `withheld` what someone of the control group would have
    been offered, by the learner's policy: whom others who were offered the same are compared with.
    """

    in_control_group: bool
    chosen: list[Chosen]
    suppressed: list[tuple[str, SuppressionCode]]
    worths: dict[str, float]
    withheld: list[Chosen]


def expected_value(action: Action, customer: CustomerContext, policy: Policy) -> float:
    """response_rate · (effect · value · P(aim) · margin · weight · lever − cost), in margin, major units.

    P(aim) is the churn risk where the aim is to retain and its complement where it is to grow; one
    half where the risk is not known. Of an action that settles a complaint it is what the complaint puts at stake,
    where that is more.
    """
    return valuing(customer, policy)(action)


def valuing(customer: CustomerContext, policy: Policy) -> Callable[[Action], float]:
    """`expected_value` of actions for one customer."""
    risk = 0.5 if customer.churn_risk is None else customer.churn_risk
    stakes = {"retain": risk, "grow": 1.0 - risk}
    at_stake, margin, complaint_risk = customer.value_at_stake, policy.margin, policy.complaint_risk

    def value(action: Action) -> float:
        stake = stakes[action.aim]
        if action.complaint == "open":
            stake = max(stake, complaint_risk)
        brought = action.effect * at_stake * stake * margin
        return action.response_rate * (brought * action.weight * action.lever - action.cost)

    return value


_RULES: Final = ContactRules()


def open_gate(
    customer: CustomerContext, wanted: DecisionOptions, now_us: int, rules: ContactRules = _RULES, **known: Any
) -> Gate:
    """What the contact policy lets through; `known` are the contacts and what is spent, as `ContactRules.gate` takes
    them. Without `rules` it is the policy of the beginning."""
    return rules.gate(customer, wanted.channel, now_us if wanted.deliver_us is None else wanted.deliver_us, **known)


def failing_clause(action: Action, customer: CustomerContext, wanted: DecisionOptions) -> tuple[Clause, bool] | None:
    """The first of an action's conditions that does not hold, and whether that is known; None: all hold."""
    known = Known(customer.stage, customer.consents, customer.facts, wanted.context)
    return first_failing(action.clauses, known)


def complaint_code(action: Action, customer: CustomerContext, now_us: int) -> ComplaintCode | None:
    """Why an action is not for a customer by how they stand with complaints; None: it is."""
    return _complaint_codes(customer, now_us)[action.complaint]


def _complaint_codes(customer: CustomerContext, now_us: int) -> dict[str, ComplaintCode | None]:
    """By the `complaint` of an action."""
    unhappy: ComplaintCode | None = "open_complaint" if customer.has_open_complaint else None
    return {
        "any": None,
        "open": None if unhappy else "no_open_complaint",
        "resolved": unhappy if customer.was_settled(now_us) else "no_resolved_complaint",
        "none": unhappy,
    }


def _condition_code(action: Action, known: Known) -> Literal["condition_unknown", "condition_failed"] | None:
    failing = None if action.eligibility is None else first_failing(action.clauses, known)
    return None if failing is None else "condition_failed" if failing[1] else "condition_unknown"


def suppression(
    action: Action, customer: CustomerContext, wanted: DecisionOptions, now_us: int, gate: Gate | None = None
) -> SuppressionCode | None:
    """Why an action for this stage and channel is not for this customer now; None: it is eligible."""
    return sifting(customer, wanted, now_us, gate or open_gate(customer, wanted, now_us))(action)


def sifting(
    customer: CustomerContext, wanted: DecisionOptions, now_us: int, gate: Gate
) -> Callable[[Action], SuppressionCode | None]:
    """`suppression` of actions for one customer: what is the same for all of them is looked up once."""
    complaints, by_group, by_action = _complaint_codes(customer, now_us), gate.by_group, gate.by_action
    risk, at_stake = customer.churn_risk or 0.0, customer.value_at_stake
    tact = {group: tactless(group, customer.facts, wanted.context) for group in get_args(Group)}
    known = Known(customer.stage, customer.consents, customer.facts, wanted.context)
    exclude, offered_us, unseen, lacking = wanted.exclude, customer.offered_us, customer.unseen, customer.lacking

    def sift(action: Action) -> SuppressionCode | None:
        action_id = action.action_id
        if action_id in exclude:
            return "excluded"
        if code := complaints[action.complaint]:
            return code
        if action.min_risk > risk:
            return "risk_too_low"
        if action.min_value > at_stake:
            return "value_too_low"
        if unfit := tact[action.group] or _condition_code(action, known):
            return unfit
        if held_back := by_group.get(action.group) or by_action.get(action_id):
            return held_back
        offered = offered_us.get(action_id)
        if offered is not None and now_us - offered < action.cool_down_days * DAY_US:
            return "cooling_down"
        if action_id in unseen:
            return "items_unseen"
        return "no_items" if action_id in lacking else None

    return sift


def rank(
    catalogue: ActionCatalogue,
    customer: CustomerContext,
    wanted: DecisionOptions,
    policy: Policy,
    now_us: int,
    gate: Gate | None = None,
) -> list[Action]:
    """The actions that may be chosen, foremost first: in this order `choose` fills places where it does not explore."""
    gate = gate or open_gate(customer, wanted, now_us)
    sift, value = sifting(customer, wanted, now_us, gate), valuing(customer, policy)
    found = ((action, value(action)) for action in catalogue.find(customer.stage, wanted.channel) if not sift(action))
    gainful = [(action, worth) for action, worth in found if worth > 0]
    return [action for action, worth in sorted(gainful, key=lambda pair: _place(*pair))]


def choose(
    catalogue: ActionCatalogue,
    customer: CustomerContext,
    wanted: DecisionOptions,
    policy: Policy,
    *,
    now_us: int,
    seed: str,
    gate: Gate | None = None,
) -> Choice:
    """The actions of greatest expected value among the eligible, explored with known probability.

    Those for a complaint have the first places, whatever others are worth. `seed` makes the draw
    repeatable (the decision's id). Each place is filled by chance among the remaining eligible that may have it, with
    the probabilities of `exploration`. Actions that cost more than they bring are not eligible; nor are those that the
    ones chosen before leave no room for. Who is held out is given what is of the group `service` all the same.
    """
    gate = gate or open_gate(customer, wanted, now_us)
    worths: dict[str, float] = {}
    suppressed: list[tuple[str, SuppressionCode]] = []
    held_out = customer.arm == "control"
    eligible: list[Action] = []
    sift, value = sifting(customer, wanted, now_us, gate), valuing(customer, policy)
    for action in catalogue.find(customer.stage, wanted.channel):
        code = sift(action)
        if code is None:
            worth = worths[action.action_id] = value(action)
            code = "no_gain" if worth <= 0 else "control_group" if held_out else None
        if code == "control_group" and action.group == "service":
            code = None
        if code is None or code == "control_group":
            eligible.append(action)
        if code is not None:
            suppressed.append((action.action_id, code))
    exploration = policy.exploration if wanted.learning_enabled and customer.arm != "business_as_usual" else 0.0
    filled, crowded_out = _fill(eligible, worths, wanted.max_actions, exploration, seed, gate)
    if held_out:
        served = [item for item in filled if item.action.group == "service"]
        return Choice(held_out, served, suppressed, worths, [item for item in filled if item not in served])
    return Choice(held_out, filled, suppressed + crowded_out, worths, [])


_PRECEDENCE: Final = {"open": 0, "resolved": 1}


def _precedence(action: Action) -> int:
    return _PRECEDENCE.get(action.complaint, 2)


def _place(action: Action, worth: float) -> tuple[int, float, str]:
    return _precedence(action), -worth, action.action_id


def _fill(
    eligible: list[Action], worths: Mapping[str, float], places: int, exploration: float, seed: str, gate: Gate
) -> tuple[list[Chosen], list[tuple[str, SuppressionCode]]]:
    """Those chosen, and those held back since these were."""
    ranked = sorted((*_place(action, worths[action.action_id]), action) for action in eligible)
    chosen: list[Chosen] = []
    crowded_out: list[tuple[str, SuppressionCode]] = []
    while ranked and len(chosen) < places:
        foremost = ranked[0][0]
        rivals = [-behind for precedence, behind, _, _ in ranked if precedence == foremost]
        probabilities = selection_probabilities(rivals, exploration)
        at = draw_place(probabilities, seed, len(chosen))
        _, _, action_id, action = ranked.pop(at)
        chosen.append(Chosen(action, worths[action_id], probabilities[at]))
        if len(chosen) < places:
            gate.take(action)
            crowded_out += [(other.action_id, code) for *_, other in ranked if (code := gate.code(other))]
            ranked = [each for each in ranked if not gate.code(each[3])]
    return chosen, crowded_out
