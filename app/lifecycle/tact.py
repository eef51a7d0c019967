"""What a good shop manager leaves be, whatever it would bring: whom nothing is sold to, and when nobody is asked.

Facts beside those of conditions, told only where they hold: `is_minor`, `is_staff`.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from app.lifecycle.actions import Group
from app.lifecycle.calendar_days import Day, is_leap

TactCode = Literal["staff", "minor", "just_refunded", "just_bought"]
ADULT_YEARS: Final = 18
"""Below it nobody is offered anything by their profile: of an unknown birthday nobody is taken for a minor."""
STAFF_TIERS: Final = frozenset({"staff", "employee", "员工", "内部员工"})
"""Tiers of the loyalty programme that are staff cards."""
SURVEY_REFUND_DAYS: Final = 14
OFFER_REFUND_DAYS: Final = 1
SURVEY_ORDER_DAYS: Final = 1
"""How long after a refund nobody is asked how it was, and nothing is sold; and after an order nobody is asked, since
nothing has been used yet."""
BUYERS: Final = ("staff_card", "minor")
"""What a request may say by its context of who buys."""
TACT_FACTS: Final = ("state.last_refund_days", "state.last_order_days")
_SELLING: Final = frozenset({"offer", "loyalty", "survey"})


def tactless(group: Group, facts: Mapping[str, Any], context: Mapping[str, Any]) -> TactCode | None:
    """Why actions of a group would be out of place; None: they would not.

    A request may say by its context that it is a staff card (`staff_card`), or a minor (`minor`).
    """
    if group in _SELLING:
        if facts.get("is_staff") or context.get("staff_card") is True:
            return "staff"
        if facts.get("is_minor") or context.get("minor") is True:
            return "minor"
    if group == "survey":
        if facts.get("state.last_refund_days", SURVEY_REFUND_DAYS) < SURVEY_REFUND_DAYS:
            return "just_refunded"
        if facts.get("state.last_order_days", SURVEY_ORDER_DAYS) < SURVEY_ORDER_DAYS:
            return "just_bought"
    if group == "offer" and facts.get("state.last_refund_days", OFFER_REFUND_DAYS) < OFFER_REFUND_DAYS:
        return "just_refunded"
    return None


def buyer_in(context: Mapping[str, Any]) -> frozenset[str]:
    """Those of `BUYERS` that a request says."""
    return frozenset(name for name in BUYERS if context.get(name) is True)


_READS: Final[Mapping[TactCode, tuple[str, ...]]] = {
    "staff": ("is_staff", "staff_card"),
    "minor": ("is_minor", "minor"),
    "just_refunded": ("state.last_refund_days",),
    "just_bought": ("state.last_order_days",),
}
"""What each rule goes by, of facts and of the request's context."""


def tact_for(group: Group) -> tuple[TactCode, ...]:
    """The rules that actions of a group are under, in their order."""
    of_all: tuple[TactCode, ...] = ("staff", "minor") if group in _SELLING else ()
    of_group: dict[Group, tuple[TactCode, ...]] = {
        "survey": ("just_refunded", "just_bought"),
        "offer": ("just_refunded",),
    }
    return of_all + of_group.get(group, ())


def breaks_rule(code: TactCode, group: Group, facts: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    """Whether actions of a group would be out of place by one rule, whatever the others say."""
    of_facts, of_context = ({name: told[name] for name in _READS[code] if name in told} for told in (facts, context))
    return tactless(group, of_facts, of_context) is not None


def years_old(birthday: Day, today: Day) -> int:
    """Whole years; who was born on 29 February has the birthday of other years on 1 March."""
    return today[0] - birthday[0] - (today[1:] < birthday[1:])


def is_birthday(birthday: Day, today: Day) -> bool:
    """Whether today is one: of who was born on 29 February, 28 February of other years, when shops greet them."""
    if birthday[1:] == (2, 29) and not is_leap(today[0]):
        return today[1:] == (2, 28)
    return birthday[1:] == today[1:]
