"""How long what is kept of: kinds of data, and what a deployment says of each.

A text, `rejected=90d, receipts=2y`: kinds with periods. What nothing is said of is kept for ever.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.lifecycle.events import DAY_US

FOREVER: Final = "forever"
REJECTED: Final = "rejected"
RECEIPTS: Final = "receipts"
LEAST_DAYS: Final[Mapping[str, int]] = {REJECTED: 1, RECEIPTS: 400}
"""Kind → the shortest period. Of receipts more than a year, for so long outcomes are joined to them."""
_DAYS_OF: Final[Mapping[str, float]] = {"d": 1, "w": 7, "mo": 365.25 / 12, "y": 365.25}
_PERIOD: Final = re.compile(r"([0-9]{1,5})(d|w|mo|y)")


@dataclass(frozen=True, slots=True)
class Retention:
    """Kind → days that it is kept; what is not in it is kept for ever."""

    days: Mapping[str, int]

    def cut_us(self, kind: str, now_us: int) -> int | None:
        """What is of before that time is not kept; None: everything is."""
        return now_us - self.days[kind] * DAY_US if kind in self.days else None


def read_retention(text: str) -> Retention:
    """Raises ValueError with a sentence for what cannot be used."""
    given: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        kind, separator, period = (each.strip() for each in part.partition("="))
        if not separator:
            raise ValueError(f"'{part}' is not of the form kind=period")
        if kind not in LEAST_DAYS:
            raise ValueError(f"'{kind}' is no kind; there are {', '.join(LEAST_DAYS)}")
        if kind in given:
            raise ValueError(f"'{kind}' is given twice")
        given[kind] = _read_days(kind, period)
    return Retention({kind: days for kind, days in given.items() if days})


def _read_days(kind: str, period: str) -> int:
    """Whole days, 0 for ever."""
    if period == FOREVER:
        return 0
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise ValueError(f"'{period}' is no period; write 90d, 12w, 13mo, 3y or {FOREVER}")
    days = round(int(found[1]) * _DAYS_OF[found[2]])
    if days < LEAST_DAYS[kind]:
        raise ValueError(f"{kind} must be kept for {LEAST_DAYS[kind]} days at least")
    return days
