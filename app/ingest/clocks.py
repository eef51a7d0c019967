"""A device's wrong clock: the time at which an event from the future is counted, and what its repeats are known by."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from app.foundation.times import MAX_AHEAD_US, to_us
from app.http.times import Time
from app.lifecycle.events import DAY_US

CLAIMED_TIME: Final = "time_by_device"
"""The member of `data` that keeps the time that an event came with, where it is counted at another."""
_TIME: Final = TypeAdapter(Time)


def is_possible(us: int, now_us: int) -> bool:
    """Whether something may have happened then: from 1970 on, and not ahead by more than clocks differ."""
    return 0 <= us <= now_us + MAX_AHEAD_US


def is_placeholder(us: int) -> bool:
    """Whether it is 1970-01-01 in any zone, or before: what clocks say that were never set, and programs that know no
    time (0001-01-01)."""
    return us < 2 * DAY_US


def right_time(claimed_us: int, beside: Mapping[str, Any], now_us: int, ahead_us: int) -> int | None:
    """When an event happened whose own time is impossible (microseconds); None: nothing says.

    `beside` are its other members, of which `timestamp` (a relay's corrected time), `receivedAt` and `sentAt` are
    read, in any case. As the Segment specification has it, the event happened as long before it was received as the
    device's clock says that it did before it was sent. With nothing beside it, one that is ahead by no more than
    `ahead_us` happened now.
    """
    told = {name.lower(): us for name, value in beside.items() if (us := _read(name, value)) is not None}
    corrected, received_us, sent_us = (told.get(name) for name in _NAMES)
    if corrected is not None and is_possible(corrected, now_us):
        return corrected
    if received_us is not None and not is_possible(received_us, now_us):
        received_us = None
    knows_now = sent_us is not None and is_possible(sent_us, now_us) and not is_placeholder(sent_us)
    if is_placeholder(claimed_us) and knows_now:
        return received_us or sent_us
    if sent_us is not None:
        waited_us = max(sent_us - claimed_us, 0)
        is_right = received_us is None and is_possible(sent_us, now_us)
        happened_us = (sent_us if is_right else received_us or now_us) - (0 if is_right else waited_us)
        return happened_us if is_possible(happened_us, now_us) else None
    if received_us is None and now_us < claimed_us <= now_us + ahead_us:
        return now_us
    return received_us


_NAMES: Final = ("timestamp", "receivedat", "sentat")


def _read(name: str, value: Any) -> int | None:
    if name.lower() not in _NAMES:
        return None
    try:
        return to_us(_TIME.validate_python(value))
    except ValidationError:
        return None
