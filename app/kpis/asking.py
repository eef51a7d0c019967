"""Days as they are asked for: read, and held within bounds."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Final

from pydantic import Field, WithJsonSchema

from app.foundation.errors import Malformed
from app.kpis.definitions import By
from app.kpis.periods import Period, next_month

MOST_DAYS: Final[Mapping[By, int]] = {"day": 92, "week": 53 * 7}
MOST_DAYS_ELSE: Final = 1830
_EARLIEST: Final = date(1970, 1, 2)
DAY_SCHEMA: Final = {"type": "string", "format": "date", "description": "A day of the deployment's time zone."}
UNTIL_SCHEMA: Final = {**DAY_SCHEMA, "description": "The day after the last; left out: tomorrow."}
Day = Annotated[str, Field(max_length=64), WithJsonSchema(DAY_SCHEMA)]
Until = Annotated[str, Field(max_length=64), WithJsonSchema(UNTIL_SCHEMA)]
"""As `read_period` reads them."""
_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_day(text: str, name: str) -> date:
    """A day given as the parameter or member `name`. Raises Malformed for what is no day from 1970 on."""
    try:
        day = date.fromisoformat(text) if _WRITTEN.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not _EARLIEST <= day <= date(9990, 1, 1):
        raise Malformed(f"{name}: Give a day from 1970-01-02 on, like 2026-11-22.")
    return day


def read_period(from_: str, to: str | None, today: date) -> Period:
    """`to` is the day after the last; None: tomorrow. Raises Malformed."""
    first = read_day(from_, "from")
    until = today + timedelta(1) if to is None else read_day(to, "to")
    if first >= until:
        raise Malformed("to: Give a day after from: it is the day after the last one.")
    return Period(first, until)


def read_months(from_: str, to: str | None, today: date, most: int) -> Period:
    """Whole ones, `most` of them; `to` is the first of the one after the last, None: of the next one. Raises
    Malformed."""
    whole = read_period(from_, to or next_month(today).isoformat(), today)
    if not whole.is_whole_months or whole.until > next_month(today):
        raise Malformed("from: Give the first of a month, and to: that of a later one, of the next one at most.")
    if whole.months > most:
        raise Malformed(f"to: There are at most {most} months.")
    return whole


def check_bounds(period: Period, by: By, today: date) -> None:
    """Raises Malformed for days that have not begun, and for too many of them."""
    if period.until > today + timedelta(1):
        raise Malformed("to: Give tomorrow at most.")
    most = MOST_DAYS.get(by, MOST_DAYS_ELSE)
    if period.days > most:
        raise Malformed(f"to: By {by} there are at most {most} days.")
