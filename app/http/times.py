"""Times on the wire, RFC 3339 with their zone, and as they are read from a query."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BeforeValidator, Field, TypeAdapter, ValidationError, WithJsonSchema

from app.foundation.errors import Malformed
from app.foundation.times import MAX_AHEAD_US, to_us

_WRITTEN_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WRITTEN_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _check_written_time(value: Any) -> Any:
    """Numbers, and texts of numbers, are no times: whoever sends them may mean seconds or milliseconds."""
    if not isinstance(value, str) or not _WRITTEN_TIME.match(value):
        raise ValueError("a time is written like 2026-11-22T10:15:00+08:00")
    return value


Time = Annotated[
    AwareDatetime,
    BeforeValidator(_check_written_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 with its zone."""

MOMENT_SCHEMA: Final = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
    "description": "A day (its beginning, UTC), or a time with its zone; from 1970 to now.",
}
Moment = Annotated[str, Field(max_length=64), WithJsonSchema(MOMENT_SCHEMA)]
"""As `read_moment` reads it."""

_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


def read_moment(text: str, name: str, now_us: int) -> int:
    """Microseconds of a time with its zone, or of the beginning of a day (UTC), given as the parameter `name`.

    Raises Malformed for anything else, and for what is not between 1970 and now.
    """
    try:
        day = date.fromisoformat(text) if _WRITTEN_DAY.fullmatch(text) else None
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
