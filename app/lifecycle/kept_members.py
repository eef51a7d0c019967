"""What of an event's data is kept where a retailer declines what is not needed: what is counted, and an allow-list."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

from app.lifecycle.wrappings import NOTHING, as_lines

NOTHING_MORE: Final = "none"
"""The setting that allows nothing beside what is counted."""
MEMBERS_DECLINED: Final = "members_declined"
"""The member of `data` that says that others were declined: what it is compared by is what both tellings have."""

_LINES: Final = "products"
_OF_LINE: Final = f"{_LINES}."
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
COUNTED: Final = frozenset(
    """
    action_id case_id category channel currency decision_id discount granted id_by_sender identifiers kind merged metric
    occasion order_id order_number orders points product_id purpose recommendation_id refund_events score store survey
    tier time_by_device total version wording wording_version
    """.split()  # noqa: SIM905
)
"""Members that states, models, answers and the proof of consent are made of: they are kept always."""
COUNTED_OF_LINE: Final = frozenset(("product_id", "category", "price", "discount", "quantity", "recommendation_id"))
_LISTS: Final = frozenset(("identifiers", "orders", "refund_events"))
"""Those of them that are lists; the others are texts, numbers, or true and false."""


class KeptMembers(NamedTuple):
    """The members that are kept beside what is counted: of data, and of each of its lines."""

    of_data: frozenset[str]
    of_line: frozenset[str]

    @classmethod
    def of(cls, setting: str, *more: str) -> Self | None:
        """Of a list with commas between, `text,products.name`; an empty one keeps all. Raises ValueError."""
        names = {each.strip() for each in setting.split(",")} - {""}
        if not names:
            return None
        if NOTHING_MORE in names and len(names) > 1:
            raise ValueError(f"'{NOTHING_MORE}' stands alone")
        wrong = next((each for each in sorted(names) if not _NAME.fullmatch(each.removeprefix(_OF_LINE))), None)
        if wrong is not None:
            raise ValueError("give names of members with commas between, as 'text,products.name', or 'none'")
        of_line = {each.removeprefix(_OF_LINE) for each in names if each.startswith(_OF_LINE)}
        chosen = {each for each in (*names, *more) if each and not each.startswith(_OF_LINE)}
        return cls(frozenset(chosen - COUNTED), frozenset(of_line))

    def sift(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """Data without what is declined, and how many members that were. What is counted is kept in its own form: an
        object in the place of a text is declined."""
        kept = {name: member for name, member in data.items() if name in self.of_data or _is_counted(name, member)}
        declined = len(data) - len(kept)
        if _LINES in data and _LINES not in kept:
            found = as_lines(data[_LINES])
            if found is not NOTHING:
                given = [line for line in found if isinstance(line, dict)]
                kept[_LINES] = [self._sift_line(line) for line in given]
                declined += len(found) - len(given) - 1
                declined += sum(len(line) - len(left) for line, left in zip(given, kept[_LINES], strict=True))
        return kept, declined

    def _sift_line(self, line: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: member
            for name, member in line.items()
            if name in self.of_line or (name in COUNTED_OF_LINE and not isinstance(member, dict | list))
        }


def _is_counted(name: str, member: Any) -> bool:
    if isinstance(member, list):
        return name in _LISTS
    return name in COUNTED and not isinstance(member, dict)
