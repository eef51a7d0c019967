"""Days in the deployment's time zone, as the API is asked of them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.foundation.errors import Malformed


def read_day(text: str | None) -> date | None:
    """A day of a form; None: it is left empty. Raises Malformed."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Malformed("from: Give days like 2026-11-22.") from None


def ago(days: int, zone: ZoneInfo) -> date:
    """The day so many days before today."""
    return (datetime.now(UTC).astimezone(zone) - timedelta(days=days)).date()


def midnight(day: date, zone: ZoneInfo) -> str:
    """Its beginning, with the zone's offset."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).isoformat()


def day_before(days: int, zone: ZoneInfo) -> str:
    """The beginning of that day."""
    return midnight(ago(days, zone), zone)
