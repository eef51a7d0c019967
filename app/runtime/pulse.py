"""Whether a worker still turns its event loop: told by what it says every second, and by what it computes meanwhile.

A loop that is stuck says nothing and, waiting for what does not come, computes nothing: after ten looks it hangs. One
that computes may be busy with what takes long, a model that is read say, and is let be for a minute.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

BEAT_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
IDLE_LOOKS: Final = 10
BUSY_LOOKS: Final = 60
_WAITING: Final = ("S", "T", "t", "I")
"""States of a process (`man 5 proc_pid_stat`) in which it wants no processor: it sleeps, or was stopped."""


class Pulse:
    """Of one worker. It is counted in looks, not in time: a machine that slept has been looked at once meanwhile."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._silent = self._idle = 0

    @property
    def silent_s(self) -> float:
        """For how long it has said nothing."""
        return self._silent * LOOK_SECONDS

    def hear(self) -> None:
        """It has said something."""
        self._silent = self._idle = 0

    def look(self) -> bool:
        """After `LOOK_SECONDS` in which it said nothing. True: it hangs."""
        self._silent += 1
        self._idle = 0 if self._is_busy() else self._idle + 1
        return self._idle >= IDLE_LOOKS or self._silent >= BUSY_LOOKS


class Work:
    """Whether a process has computed since it was asked last, or wants to now; where that cannot be told, it has."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self._ticks = -1

    def __call__(self) -> bool:
        try:
            fields = self._stat.read_text().rpartition(")")[2].split()
        except OSError:
            return True
        before, self._ticks = self._ticks, int(fields[11]) + int(fields[12])
        return self._ticks != before or fields[0] not in _WAITING
