"""Whom an action would be for: which of its conditions each customer meets, by itself and after those before it.

The conditions are those of a decision, in its order, so that the first that somebody does not meet is the code that a
receipt would have. Quiet hours are left out, since they pass with the night, and so are items, which are looked for as
the customer asks.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import sqrt
from typing import Final, NamedTuple

from app.lifecycle.actions import Action
from app.lifecycle.condition_words import Language, say_comparison, say_stages
from app.lifecycle.conditions import Clause
from app.lifecycle.consents import SERVING
from app.lifecycle.contact_gate import Contact, ContactCode, ContactRules
from app.lifecycle.decisions import (
    CustomerContext,
    DecisionOptions,
    Policy,
    complaint_code,
    known_of,
    worth_of,
)
from app.lifecycle.effects import Z95
from app.lifecycle.events import DAY_US
from app.lifecycle.facts import FACTS
from app.lifecycle.tact import TactCode, breaks_rule, tact_for


class Case(NamedTuple):
    """A customer on a channel at a time. `offered_us` is when the action was last offered to them; None: never.
    `spent` tells that nobody is to have it any more."""

    customer: CustomerContext
    wanted: DecisionOptions
    now_us: int
    contacts: Sequence[Contact]
    offered_us: int | None
    spent: bool
    rules: ContactRules
    policy: Policy

    def reasons(self, action: Action) -> frozenset[ContactCode]:
        """What the contact policy says against an action."""
        return self.rules.reasons(action, self.customer, self.wanted.channel, self.now_us, self.contacts)


Meets = Callable[[Action, Case, frozenset[ContactCode]], bool]


class Step(NamedTuple):
    """A condition by its name and in words, and whether an action meets it, given what the contact policy says.

    `is_of_channel`: it may come to something else on another channel.
    """

    name: str
    en: str
    zh: str
    meets: Meets
    is_of_channel: bool = False


_PROFILING: Final = ("Personalization is not refused", "未拒绝个性化")
_CSAT: Final = ("No bad satisfaction of late", "近期没有不满意评价")
_TACT: Final[dict[TactCode, tuple[str, str]]] = {
    "staff": ("Not of the staff", "不是员工"),
    "minor": ("Not known to be a minor", "不是已知的未成年人"),
    "just_refunded": ("No refund just now", "近期没有退款"),
    "just_bought": ("No order just now", "没有刚刚下单"),
}
_COMPLAINT: Final = {
    "any": ("Whatever complaints there are", "不论有无投诉"),
    "open": ("A complaint is open", "有未解决的投诉"),
    "resolved": ("A complaint was resolved of late", "近期有投诉得到解决"),
    "none": ("No complaint is open", "没有未解决的投诉"),
}


def steps_of(action: Action) -> list[Step]:
    """The conditions of an action, in the order in which a decision asks them."""
    return [
        Step("stage", _say_stages(action, "en"), _say_stages(action, "zh"), _is_of_stage),
        Step("complaint", *_COMPLAINT[action.complaint], _suits_complaints),
        _least("min_risk", "score.churn_risk", action.min_risk, _has_risk),
        _least("min_value", "score.value_at_stake", action.min_value, _has_value),
        *(Step(code, *_TACT[code], partial(_is_tactful, code)) for code in tact_for(action.group)),
        *(Step("eligibility", clause.en, clause.zh, partial(_holds, clause)) for clause in action.clauses),
        Step("profiling_opt_out", *_PROFILING, partial(_has_not, "profiling_opt_out"), True),
        Step("no_consent", *_say_consent(action.purpose), partial(_has_not, "no_consent"), True),
        Step("bad_csat", *_CSAT, partial(_has_not, "bad_csat"), True),
        Step("cap_reached", "Room within the contact caps, as they stand", "联系上限目前尚有余量", _has_room, True),
        Step("limits", "Budget and caps of the action, as they stand", "活动预算和总量上限目前尚有余量", _is_left),
        Step("cooling_down", *_say_cool_down(action.cool_down_days), _is_cool, True),
        Step("no_gain", "Brings more than it costs", "预期收益大于成本", _is_worth_it),
        Step("control_group", "Not of the control group, or a service", "不在对照组，或属于服务类", _is_treated),
    ]


def met(action: Action, steps: Sequence[Step], cases: Sequence[Case]) -> list[list[bool]]:
    """Which of the conditions an action meets, each by itself, in the cases of one customer, one a channel."""
    told = [(case, case.reasons(action)) for case in cases]
    return [
        [step.meets(action, *each) for each in told]
        if step.is_of_channel
        else [step.meets(action, *told[0])] * len(told)
        for step in steps
    ]


def _least(name: str, fact: str, value: float, meets: Meets) -> Step:
    en, zh = (say_comparison(FACTS[fact], "at_least", (value,), language) for language in ("en", "zh"))
    return Step(name, en, zh, meets)


def _say_consent(purpose: str) -> tuple[str, str]:
    if purpose in SERVING:
        return f"No refusal of {purpose} on the channel", f"未拒绝通过该渠道用于“{purpose}”的联系"
    return f"Consent to {purpose} on the channel, where it is needed", f"在需要时已同意通过该渠道用于“{purpose}”的联系"


def _say_stages(action: Action, language: Language) -> str:
    return say_stages(action.stages, language)


def _say_cool_down(days: int) -> tuple[str, str]:
    return f"Not offered for {days} days", f"{days}天内未推送过"


def _is_of_stage(action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return case.customer.stage in action.stages


def _suits_complaints(action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return complaint_code(action, case.customer, case.now_us) is None


def _has_risk(action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return (case.customer.churn_risk or 0.0) >= action.min_risk


def _has_value(action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return case.customer.value_at_stake >= action.min_value


def _is_tactful(code: TactCode, action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return not breaks_rule(code, action.group, case.customer.facts, case.wanted.context)


def _holds(clause: Clause, _action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return clause.test(known_of(case.customer, case.wanted)) is True


def _has_not(code: ContactCode, _action: Action, _case: Case, reasons: frozenset[ContactCode]) -> bool:
    return code not in reasons


_has_room: Final[Meets] = partial(_has_not, "cap_reached")


def _is_left(_action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return not case.spent


def _is_cool(action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    cool_down_us = action.cool_down_days * DAY_US
    return case.offered_us is None or not cool_down_us or case.now_us - case.offered_us >= cool_down_us


def _is_worth_it(action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return worth_of(action, case.customer, case.wanted, case.policy) > 0


def _is_treated(action: Action, case: Case, _: frozenset[ContactCode]) -> bool:
    return case.customer.arm != "control" or action.group == "service"


class Tally:
    """How many customers met each condition by itself, `alone`, and how many it and all before it, `after`.

    Of one who may be reached on several channels it is asked whether any of them meets what is asked.
    """

    def __init__(self, steps: int) -> None:
        self.customers = 0
        self.alone, self.after = [0] * steps, [0] * steps

    def add(self, steps: Sequence[Sequence[bool]]) -> None:
        """Counts a customer, of whom `met` came to this."""
        self.customers += 1
        still = [True] * len(steps[0])
        for place, each in enumerate(steps):
            still = [before and now for before, now in zip(still, each, strict=True)]
            self.alone[place] += any(each)
            self.after[place] += any(still)


class Share(NamedTuple):
    """Of all customers: how many, which share, and the bounds of its 95 % interval; None: all were counted."""

    customers: int
    share: float
    low: float | None
    high: float | None


def shares(counts: Sequence[int], sampled: int, customers: int) -> Iterator[Share]:
    """Counts among `sampled` customers, drawn at random without return, as shares of all.

    Intervals are Wilson's (1927), of a sample as large as one with return that knows as much: n (N − 1) / (N − n).
    """
    for count in counts:
        share = count / sampled if sampled else 0.0
        if sampled >= customers:
            yield Share(count, share, None, None)
            continue
        low, high = _wilson(share, sampled * (customers - 1) / (customers - sampled))
        yield Share(round(share * customers), share, low, high)


def _wilson(share: float, size: float) -> tuple[float, float]:
    spread = Z95**2 / size
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * sqrt(share * (1 - share) / size + spread / (4 * size)) / (1 + spread)
    return max(middle - half, 0.0), min(middle + half, 1.0)
