"""Decisions: which actions a customer is eligible for, what each is worth, and which is chosen.

Every choice carries the probability with which it was made, so that policies can be compared
off-line by inverse propensity, and every refusal its code.
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal, NamedTuple

from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.arms import Arm
from app.lifecycle.events import DAY_US
from app.lifecycle.exploration import draw_place, selection_probabilities
from app.lifecycle.measures import CONTACT_CHANNELS
from app.lifecycle.stages import Stage

SuppressionCode = Literal[
    "excluded",
    "no_open_complaint",
    "no_resolved_complaint",
    "open_complaint",
    "risk_too_low",
    "value_too_low",
    "no_consent",
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
    complaint_resolved_us: int | None = None
    """When the latest complaint that is settled was."""
    arm: Arm = "learner"
    """Of the person, by `person_id` or the customer's own."""

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

    `worths` are the expected values of all that were eligible.
    """

    in_control_group: bool
    chosen: list[Chosen]
    suppressed: list[tuple[str, SuppressionCode]]
    worths: dict[str, float]


def has_consent(channel: str, consents: Mapping[str, bool]) -> bool:
    """Reaching out needs a yes; serving a customer who has come to us only the absence of a no."""
    granted = consents.get(channel, consents.get("*"))
    return granted is True if channel in CONTACT_CHANNELS else granted is not False


def expected_value(action: Action, customer: CustomerContext, policy: Policy) -> float:
    """response_rate · (effect · value · P(aim) · margin · weight · lever − cost), in margin, major units.

    P(aim) is the churn risk where the aim is to retain and its complement where it is to grow; one
    half where the risk is not known. Of an action that settles a complaint it is what the complaint puts at stake,
    where that is more.
    """
    risk = 0.5 if customer.churn_risk is None else customer.churn_risk
    stake = risk if action.aim == "retain" else 1.0 - risk
    if action.complaint == "open":
        stake = max(stake, policy.complaint_risk)
    brought = action.effect * customer.value_at_stake * stake * policy.margin
    return action.response_rate * (brought * action.weight * action.lever - action.cost)


def suppression(
    action: Action, customer: CustomerContext, wanted: DecisionOptions, now_us: int
) -> SuppressionCode | None:
    """Why an action for this stage and channel is not for this customer now; None: it is eligible."""
    if action.action_id in wanted.exclude:
        return "excluded"
    if action.complaint == "open" and not customer.has_open_complaint:
        return "no_open_complaint"
    if action.complaint == "resolved" and not customer.was_settled(now_us):
        return "no_resolved_complaint"
    if action.complaint in ("none", "resolved") and customer.has_open_complaint:
        return "open_complaint"
    if action.min_risk > (customer.churn_risk or 0.0):
        return "risk_too_low"
    if action.min_value > customer.value_at_stake:
        return "value_too_low"
    if not has_consent(wanted.channel, customer.consents):
        return "no_consent"
    offered_us = customer.offered_us.get(action.action_id)
    if offered_us is not None and now_us - offered_us < action.cool_down_days * DAY_US:
        return "cooling_down"
    if action.action_id in customer.unseen:
        return "items_unseen"
    return "no_items" if action.action_id in customer.lacking else None


def rank(
    catalogue: ActionCatalogue, customer: CustomerContext, wanted: DecisionOptions, policy: Policy, now_us: int
) -> list[Action]:
    """The actions that may be chosen, foremost first: in this order `choose` fills places where it does not explore."""
    found = (
        (action, expected_value(action, customer, policy))
        for action in catalogue.find(customer.stage, wanted.channel)
        if suppression(action, customer, wanted, now_us) is None
    )
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
) -> Choice:
    """The actions of greatest expected value among the eligible, explored with known probability.

    Those for a complaint have the first places, whatever others are worth. `seed` makes the draw
    repeatable (the decision's id). Each place is filled by chance among the remaining eligible that may have it, with
    the probabilities of `exploration`. Actions that cost more than they bring are not eligible.
    """
    worths: dict[str, float] = {}
    suppressed: list[tuple[str, SuppressionCode]] = []
    held_out = customer.arm == "control"
    eligible: list[Action] = []
    for action in catalogue.find(customer.stage, wanted.channel):
        code = suppression(action, customer, wanted, now_us)
        if code is None:
            worths[action.action_id] = expected_value(action, customer, policy)
            code = "no_gain" if worths[action.action_id] <= 0 else "control_group" if held_out else None
        if code is None:
            eligible.append(action)
        else:
            suppressed.append((action.action_id, code))
    exploration = policy.exploration if wanted.learning_enabled and customer.arm == "learner" else 0.0
    chosen = _fill(eligible, worths, wanted.max_actions, exploration, seed)
    return Choice(held_out, chosen, suppressed, worths)


_PRECEDENCE: Final = {"open": 0, "resolved": 1}


def _precedence(action: Action) -> int:
    return _PRECEDENCE.get(action.complaint, 2)


def _place(action: Action, worth: float) -> tuple[int, float, str]:
    return _precedence(action), -worth, action.action_id


def _fill(
    eligible: list[Action], worths: Mapping[str, float], places: int, exploration: float, seed: str
) -> list[Chosen]:
    ranked = sorted(eligible, key=lambda action: _place(action, worths[action.action_id]))
    chosen: list[Chosen] = []
    while ranked and len(chosen) < places:
        foremost = _precedence(ranked[0])
        rivals = [worths[action.action_id] for action in ranked if _precedence(action) == foremost]
        probabilities = selection_probabilities(rivals, exploration)
        at = draw_place(probabilities, seed, len(chosen))
        action = ranked.pop(at)
        chosen.append(Chosen(action, worths[action.action_id], probabilities[at]))
    return chosen
