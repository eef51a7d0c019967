"""Local time, as far as the core needs it."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def offset_us(at_us: int, zone: str) -> int:
    """By how much a clock of a zone of the IANA database is ahead of UTC at a time."""
    local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(_zone(zone))
    offset = local.utcoffset()
    return 0 if offset is None else offset // _MICROSECOND
