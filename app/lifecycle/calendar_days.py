"""Days of the calendar: year, month and day."""

import re
from functools import lru_cache
from typing import Final

Day = tuple[int, int, int]

_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?!\d)")
_BEFORE_MONTH: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def read_day(text: str) -> Day | None:
    """The day that a text begins with, as ISO 8601 has it; None: with none."""
    found = _DAY.match(text)
    if found is None:
        return None
    year, month, day = map(int, found.groups())
    is_one = year > 0 and 1 <= month <= 12 and 1 <= day <= _LENGTHS[month - 1] - (month == 2 and not is_leap(year))
    return (year, month, day) if is_one else None


def is_leap(year: int) -> bool:
    """Whether a year has a 29 February, by the Gregorian calendar."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@lru_cache(maxsize=4096)
def day_number(text: str) -> int:
    """Days since 1970-01-01 of a day as ISO 8601 has it."""
    told = read_day(text)
    assert told is not None
    year, month, day = told
    before = year - 1
    years = 365 * before + before // 4 - before // 100 + before // 400 - 719_162
    return years + _BEFORE_MONTH[month - 1] + (month > 2 and is_leap(year)) + day - 1
