"""Days in the deployment's time zone, as the API is asked of them."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.foundation.errors import Malformed

_FIRST: Final = date(1970, 1, 2)
_END: Final = date(9990, 1, 1)


def read_day(text: str | None) -> date | None:
    """A day of a form, with days before and after it; None: it is left empty. Raises Malformed."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if not _FIRST <= day < _END:
        raise Malformed("from: Give days like 2026-11-22.")
    return day


def ago(days: int, zone: ZoneInfo) -> date:
    """The day so many days before today."""
    return (datetime.now(UTC).astimezone(zone) - timedelta(days=days)).date()


def midnight(day: date, zone: ZoneInfo) -> str:
    """Its beginning, with the zone's offset."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).isoformat()


def day_before(days: int, zone: ZoneInfo) -> str:
    """The beginning of that day."""
    return midnight(ago(days, zone), zone)
