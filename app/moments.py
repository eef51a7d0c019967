"""Moments as they are written, RFC 3339 in UTC, and as they are read from a query."""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from pydantic import TypeAdapter, ValidationError

from app.errors import Malformed
from app.events.schemas import Time
from app.events.service import MAX_AHEAD_US, to_us
from app.lifecycle.events import DAY_US

_TIME: TypeAdapter[datetime] = TypeAdapter(Time)
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()


def iso(us: float) -> str:
    """Microseconds since 1970 → RFC 3339 in UTC, to the millisecond; finer where it is."""
    days, rest_us = divmod(round(us), DAY_US)
    seconds, micros = divmod(rest_us, 1_000_000)
    minutes, second = divmod(seconds, 60)
    fraction = f"{micros // 1000:03d}" if micros % 1000 == 0 else f"{micros:06d}"
    return f"{_date(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{fraction}Z"


@lru_cache(maxsize=4096)
def _date(days: int) -> str:
    """Days since 1970 → 2026-11-22."""
    return date.fromordinal(_FIRST_DAY + days).isoformat()


def read_moment(text: str, name: str, now_us: int) -> int:
    """Microseconds of a time with its zone, or of the beginning of a day (UTC), given as the parameter `name`.

    Raises Malformed for anything else, and for what is not between 1970 and now.
    """
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-11-22") else None
        midnight = None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = midnight or _TIME.validate_python(text.replace(" ", "+"))  # a plus sign that was not encoded
    except (ValidationError, ValueError):
        raise Malformed(f"{name}: Give a day, or a time with its zone, like 2026-11-22T00:00:00Z.") from None
    return check_past(moment, name, now_us)


def check_past(moment: datetime, name: str, now_us: int) -> int:
    """Microseconds of a time given as the member `name`. Raises Malformed for one not between 1970 and now."""
    us = to_us(moment)
    if not 0 <= us <= now_us + MAX_AHEAD_US:
        raise Malformed(f"{name}: Give a time from 1970 to now.")
    return us
