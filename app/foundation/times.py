"""Times inside: microseconds since 1970 UTC. As they are written: RFC 3339 in UTC."""

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from app.lifecycle.events import DAY_US

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECONDS: Final = [f"{second:02d}" for second in range(60)]
_MINUTES: Final = [f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in range(60)]
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
MAX_AHEAD_US: Final = 5 * 60 * 1_000_000
"""How far ahead a clock may be: a till's and ours need not agree to the second."""


HELD_AHEAD_US: Final = 3 * 3600 * 1_000_000
"""A clock that is set back by more was far ahead before, and is believed."""


class ForwardClock:
    """Microseconds since 1970 by the wall clock, as far forward as it was in this process and the time since.

    For what refuses events from the future: were our clock set back by an hour, each sale of the tills' right clocks
    would be one.
    """

    def __init__(self) -> None:
        self._offset_us = 0

    def __call__(self) -> int:
        steady_us = time.monotonic_ns() // 1000
        wall_us = time.time_ns() // 1000 - steady_us
        if not wall_us < self._offset_us <= wall_us + HELD_AHEAD_US:
            self._offset_us = wall_us
        return steady_us + self._offset_us


received_now_us: Final = ForwardClock()
"""When an event is received, for its admission."""


def to_us(moment: datetime) -> int:
    """An aware time → microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def iso(us: float) -> str:
    """Microseconds since 1970 → RFC 3339 in UTC, to the millisecond; finer where it is."""
    days, rest_us = divmod(round(us), DAY_US)
    seconds, micros = divmod(rest_us, 1_000_000)
    minutes, second = divmod(seconds, 60)
    if not micros:
        return f"{_date(days)}T{_MINUTES[minutes]}:{_SECONDS[second]}.000Z"
    fraction = f"{micros:06d}" if micros % 1000 else f"{micros // 1000:03d}"
    return f"{_date(days)}T{_MINUTES[minutes]}:{_SECONDS[second]}.{fraction}Z"


@lru_cache(maxsize=4096)
def _date(days: int) -> str:
    """Days since 1970 → 2026-11-22."""
    return date.fromordinal(_FIRST_DAY + days).isoformat()
