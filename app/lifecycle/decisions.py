"""Decisions: which actions a customer is eligible for, what each is worth, and which is chosen.

Every choice carries the probability with which it was made, so that policies can be compared
off-line by inverse propensity, and every refusal its code.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from app.lifecycle.actions import Action, ActionCatalogue, Standing, Terms, bars_of
from app.lifecycle.arms import Arm
from app.lifecycle.condition_tests import Known, know
from app.lifecycle.conditions import Clause
from app.lifecycle.consents import NO_WORDS, Consents
from app.lifecycle.contact_gate import ContactRules, Gate
from app.lifecycle.contact_policy import GROUPS
from app.lifecycle.events import DAY_US
from app.lifecycle.learned_effects import AnyLearned, may_pay, replace_known
from app.lifecycle.looks import ComplaintCode, Look, SuppressionCode
from app.lifecycle.places import Chosen, Eligible, fill, order
from app.lifecycle.split_tests import Treatment
from app.lifecycle.stages import Stage
from app.lifecycle.tact import tactless

_NOTHING: Final[Mapping[str, AnyLearned]] = MappingProxyType({})


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
    purposes: Consents = NO_WORDS
    """Purpose → channel → granted or denied, of the others than marketing."""
    learned: Mapping[str, AnyLearned] = _NOTHING
    """Action → what was learned of it, for the customer."""
    learned_by: str | None = None
    """The version of the policy that says so."""
    treatment: Treatment | None = None
    """Of the side that the person is of in a test; None: of none."""

    def learned_for(self, wanted: "DecisionOptions") -> Mapping[str, AnyLearned]:
        """What of it is reckoned with: business as usual goes by the catalogue, and so does who asks for that."""
        return self.learned if learns(self.arm, wanted) else _NOTHING

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


def learns(arm: Arm, wanted: DecisionOptions) -> bool:
    """Whether a decision goes by what was learned."""
    return wanted.learning_enabled and arm != "business_as_usual"


class Policy(NamedTuple):
    """What a deployment decides: share held out, probability of exploring, gross margin on spend, the share of
    customers whom a complaint that stays open loses, and the share that is decided of by the rules alone."""

    control_share: float
    exploration: float
    margin: float
    complaint_risk: float = COMPLAINT_RISK
    usual_share: float = 0.0


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
    return _values([action.terms], customer, policy)[0]


def _values(terms: Iterable[Terms], customer: CustomerContext, policy: Policy) -> list[float]:
    """`expected_value` of actions, in their order."""
    risk, complaint_risk = 0.5 if customer.churn_risk is None else customer.churn_risk, policy.complaint_risk
    stakes = {"retain": risk, "grow": 1.0 - risk}
    settling = {f"{aim}_settling": max(stake, complaint_risk) for aim, stake in stakes.items()}
    value = customer.value_at_stake * policy.margin
    by_stake = {stake: share * value for stake, share in (stakes | settling).items()}
    return [gain * by_stake[stake] - cost for gain, stake, cost, _, _ in terms]


def worth_of(action: Action, customer: CustomerContext, wanted: DecisionOptions, policy: Policy) -> float:
    """What was learned of an action for a customer, else its `expected_value`."""
    standing, believed = (0, action.action_id, action), expected_value(action, customer, policy)
    return replace_known([standing], [action.terms], [believed], customer.learned_for(wanted))[0]


_RULES: Final = ContactRules()


def open_gate(
    customer: CustomerContext, wanted: DecisionOptions, now_us: int, rules: ContactRules = _RULES, **known: Any
) -> Gate:
    """What the contact policy lets through; `known` are the contacts and what is spent, as `ContactRules.gate` takes
    them. Without `rules` it is the policy of the beginning."""
    return rules.gate(customer, wanted.channel, now_us if wanted.deliver_us is None else wanted.deliver_us, **known)


def failing_clause(action: Action, customer: CustomerContext, wanted: DecisionOptions) -> tuple[Clause, bool] | None:
    """The first of an action's conditions that does not hold, and whether that is known; None: all hold."""
    if action.requires is None:
        return None
    return action.requires.first_failing(known_of(customer, wanted))


def known_of(customer: CustomerContext, wanted: DecisionOptions) -> Known:
    """What conditions read."""
    return know(customer.stage, customer.consents, customer.facts, wanted.context, customer.purposes)


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


def suppression(
    action: Action, customer: CustomerContext, wanted: DecisionOptions, now_us: int, gate: Gate | None = None
) -> SuppressionCode | None:
    """Why an action for this stage and channel is not for this customer now; None: it is eligible."""
    look = _look(customer, wanted, now_us, gate or open_gate(customer, wanted, now_us))
    return look.code_of(bars_of(action, action.requires))


def _look(customer: CustomerContext, wanted: DecisionOptions, now_us: int, gate: Gate) -> Look:
    """What actions are held back by, of a customer and a request."""
    without_items = {**dict.fromkeys(customer.lacking, "no_items"), **dict.fromkeys(customer.unseen, "items_unseen")}
    return Look(
        _complaint_codes(customer, now_us),
        {group: tactless(group, customer.facts, wanted.context) for group in GROUPS},
        gate,
        customer.churn_risk or 0.0,
        customer.value_at_stake,
        known_of(customer, wanted),
        wanted.exclude,
        customer.offered_us,
        now_us,
        without_items,
    )


def rank(
    catalogue: ActionCatalogue,
    customer: CustomerContext,
    wanted: DecisionOptions,
    policy: Policy,
    now_us: int,
    gate: Gate | None = None,
) -> list[Eligible]:
    """What may be chosen, foremost first: in this order `choose` fills places where it does not explore; it draws
    equals. Which action a test gives is not looked at: what is asked of actions is to be the same on both sides."""
    gate = gate or open_gate(customer, wanted, now_us)
    weighed = _weigh(catalogue, customer, wanted, policy, now_us, gate)
    eligible = [(worth, *standing) for standing, code, worth in weighed if code is None]
    paying, losing = ([each for each in eligible if (each[0] > 0) == pays] for pays in (True, False))
    return order([*paying, *_explored(paying, losing, customer, wanted, policy)])


def explore_share(customer: CustomerContext, wanted: DecisionOptions, policy: Policy) -> float:
    """What all actions but the best have of the chance for a place, at most."""
    return policy.exploration if learns(customer.arm, wanted) else 0.0


def _explored(
    paying: Sequence[Eligible],
    losing: Sequence[Eligible],
    customer: CustomerContext,
    wanted: DecisionOptions,
    policy: Policy,
) -> list[Eligible]:
    """What is explored beside what pays: it may pay, and is held to lose by caution alone. What a test compares is to
    pay, so none while the person takes part in one."""
    learned = customer.learned_for(wanted)
    if not learned or not losing or customer.treatment is not None or not explore_share(customer, wanted, policy):
        return []
    beside = {precedence for _, precedence, _, _ in paying}
    return [each for each in losing if each[1] in beside and may_pay(each[3], learned)]


def _weigh(
    catalogue: ActionCatalogue,
    customer: CustomerContext,
    wanted: DecisionOptions,
    policy: Policy,
    now_us: int,
    gate: Gate,
) -> Iterable[tuple[Standing, SuppressionCode | None, float]]:
    """The actions for the stage and channel, what holds each back, and what it is worth."""
    found = catalogue.find(customer.stage, wanted.channel)
    codes = _look(customer, wanted, now_us, gate).codes_of(found)
    believed = _values(found.terms, customer, policy)
    worths = replace_known(found.standings, found.terms, believed, customer.learned_for(wanted))
    if customer.treatment is not None and customer.treatment.factors:
        worths = customer.treatment.weigh([action_id for _, action_id, _ in found.standings], worths)
    return zip(found.standings, codes, worths, strict=True)


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
    the probabilities of `exploration`. Actions that cost more than they bring are not eligible, but for what may pay
    and is explored beside what does; nor are those that the ones chosen before leave no room for. Who is held out is
    given what is of the group `service` all the same.
    """
    gate = gate or open_gate(customer, wanted, now_us)
    worths: dict[str, float] = {}
    suppressed: list[tuple[str, SuppressionCode]] = []
    held_out = customer.arm == "control"
    eligible: list[Eligible] = []
    losing: list[Eligible] = []
    for standing, code, worth in _weigh(catalogue, customer, wanted, policy, now_us, gate):
        if code is None:
            worths[standing[1]] = worth
            (eligible if worth > 0 else losing).append((worth, *standing))
        else:
            suppressed.append((standing[1], code))
    explored = _explored(eligible, losing, customer, wanted, policy)
    may_be_chosen = {action_id for _, _, action_id, _ in explored}
    suppressed += [(each[2], "no_gain") for each in losing if each[2] not in may_be_chosen]
    eligible += explored
    if held_out:
        suppressed += [(each[2], "control_group") for each in eligible if each[3].group != "service"]
    if customer.treatment is not None:
        never = customer.treatment.holds_back(eligible, held_out=held_out)
        suppressed.extend((action_id, "other_side") for action_id in never)
        eligible = customer.treatment.place(eligible)
    exploration = explore_share(customer, wanted, policy)
    filled, crowded_out = fill(order(eligible), wanted.max_actions, exploration, seed, gate)
    if held_out:
        served = [item for item in filled if item.action.group == "service"]
        return Choice(held_out, served, suppressed, worths, [item for item in filled if item not in served])
    return Choice(held_out, filled, [*suppressed, *crowded_out], worths, [])
