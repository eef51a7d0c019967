"""How long what is kept of: which kinds of data there are, and what a deployment says of each.

A text, `default=3y, visit=13mo, rejected=90d, receipts=2y`: kinds with periods. `default` is of every kind of event
that is not named, but for consent, which proves that something was allowed. What nothing is said of is kept for ever.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.lifecycle import events as e

FOREVER: Final = "forever"
DEFAULT: Final = "default"
OTHER: Final = "other"
"""Types that are none of ours."""
ORDER: Final = "order"
POINTS: Final = "points"
CONSENT: Final = "consent"
IDENTITY: Final = "identity"
REJECTED: Final = "rejected"
RECEIPTS: Final = "receipts"

TYPES_OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    ORDER: (*e.ORDER_TYPES, e.ORDER_VOIDED, e.REFUND_VOIDED, e.ORDER_RETURNED),
    "visit": e.VISIT_TYPES,
    "feedback": (e.FEEDBACK_SUBMITTED,),
    "case": (e.CASE_OPENED, e.CASE_ANSWERED, e.CASE_RESOLVED),
    POINTS: (*e.POINTS_TYPES, *(f"{type_} (void)" for type_ in e.POINTS_TYPES)),
    "tier": (e.TIER_CHANGED,),
    CONSENT: (e.CONSENT_CHANGED,),
    "action": (e.ACTION_DELIVERED, e.ACTION_OPENED, e.ACTION_ACCEPTED, e.ACTION_DECLINED, e.ACTION_REDEEMED),
    "recommendation": e.RECOMMENDATION_TYPES,
    IDENTITY: (e.CUSTOMER_IDENTIFIED, e.CUSTOMER_MERGED, e.CUSTOMER_UNMERGED),
}
"""Kind → the types that events of it are kept under. Points that name an order go by `order`."""
EVENT_KINDS: Final = (*(kind for kind in TYPES_OF_KIND if kind != IDENTITY), OTHER)
KINDS: Final = (DEFAULT, *EVENT_KINDS, REJECTED, RECEIPTS)

LEAST_EVENT_DAYS: Final = 30
"""Of events: what is younger is never looked for among what has left."""
_LEAST: Final[Mapping[str, int]] = {
    **dict.fromkeys((DEFAULT, ORDER, POINTS, "action", "recommendation", RECEIPTS), 400),
    REJECTED: 1,
}
"""A year and a month, where refunds of tills, outcomes, effects and the season look back over a year."""
_DAYS_OF: Final[Mapping[str, float]] = {"d": 1, "w": 7, "mo": 365.25 / 12, "y": 365.25}
_PERIOD: Final = re.compile(r"([0-9]{1,5})(d|w|mo|y)")


_KIND_OF_TYPE: Final = {type_: kind for kind, types in TYPES_OF_KIND.items() for type_ in types}


def kind_of(type_: str, *, names_order: bool) -> str:
    """The kind of an event by the type that it is kept under."""
    kind = _KIND_OF_TYPE.get(type_, OTHER)
    return ORDER if kind == POINTS and names_order else kind


@dataclass(frozen=True, slots=True)
class Retention:
    """Kind → days that it is kept, 0 for ever, as is what is not in it."""

    days: Mapping[str, int]

    @property
    def limits_anything(self) -> bool:
        """Whether not all is kept for ever."""
        return any(self.days.values())

    @property
    def of_events(self) -> Mapping[str, int]:
        """Of kinds of events alone, those by default among them."""
        common = self.days.get(DEFAULT)
        given = {kind: self.days.get(kind, common) for kind in EVENT_KINDS if kind != CONSENT}
        given[CONSENT] = self.days.get(CONSENT)
        return {kind: days for kind, days in given.items() if days}

    def cut_us(self, kind: str, now_us: int) -> int | None:
        """What is of before that time is not kept; None: everything is. Of events at the beginning of a day (UTC), so
        that hardly a day leaves in parts."""
        if kind not in EVENT_KINDS:
            return now_us - self.days[kind] * e.DAY_US if self.days.get(kind) else None
        days = self.of_events.get(kind)
        return (now_us // e.DAY_US - days) * e.DAY_US if days else None

    def cuts_us(self, now_us: int) -> Mapping[str, int | None]:
        """Of every kind of event, and of those that never leave."""
        return {IDENTITY: None, **{kind: self.cut_us(kind, now_us) for kind in EVENT_KINDS}}


def read_retention(text: str) -> Retention:
    """Raises ValueError with a sentence for what cannot be used."""
    days: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        kind, separator, period = (each.strip() for each in part.partition("="))
        if not separator:
            raise ValueError(f"'{part}' is not of the form kind=period")
        if kind == IDENTITY:
            raise ValueError("identity cannot be limited: an unmerge needs what was said of who is who")
        if kind not in KINDS:
            raise ValueError(f"'{kind}' is no kind; there are {', '.join(KINDS)}")
        if kind in days:
            raise ValueError(f"'{kind}' is given twice")
        days[kind] = _read_days(kind, period)
    return Retention(days)


def _read_days(kind: str, period: str) -> int:
    """Whole days, 0 for ever."""
    if period == FOREVER:
        return 0
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise ValueError(f"'{period}' is no period; write 90d, 12w, 13mo, 3y or {FOREVER}")
    days = round(int(found[1]) * _DAYS_OF[found[2]])
    least = _LEAST.get(kind, LEAST_EVENT_DAYS)
    if days < least:
        raise ValueError(f"{kind} must be kept for {least} days at least")
    return days
