"""What a database that answers refuses to write: its disk is full, or it is read-only, as one is after a failover.

Neither is an error of ours: what was sent is to be sent again (503), reads go on, and all resumes by itself. When it
was last so is kept of this process, for `/health`.
"""

import math
import time
from typing import Final, NamedTuple

import asyncpg

from app.foundation.logs import log

UNWRITABLE: Final = (asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError)
TOLD_SECONDS: Final = 15.0
"""For so long after the last refusal it is told."""
_SENTENCES: Final = {
    asyncpg.DiskFullError: "The database's disk is full.",
    asyncpg.ReadOnlySQLTransactionError: "The database is read-only.",
}
_REMEDIES: Final = {
    asyncpg.DiskFullError: "Free or add space where the database keeps its data; nothing is to be restarted.",
    asyncpg.ReadOnlySQLTransactionError: "Point PERENNIAL_DATABASE_URL at the primary, or make this one writable; "
    "connections are made anew by themselves.",
}


class _Seen(NamedTuple):
    kind: type[Exception]
    at_s: float


_last: list[_Seen] = []
_read_only_at_s: list[float] = []


def reason_of(error: BaseException | None) -> str | None:
    """Why the database would not write, of an error or of what it came from; None: another error.

    What it says is noted.
    """
    while error is not None:
        if isinstance(error, UNWRITABLE):
            return _note(type(error))
        error = error.__cause__ or getattr(error, "orig", None)
    return None


def _note(kind: type[Exception]) -> str:
    if refused_of_late() is None:
        log.error("database.unwritable", reason=kind.__name__)
    _last[:] = [_Seen(kind, time.monotonic())]
    if kind is asyncpg.ReadOnlySQLTransactionError:
        _read_only_at_s[:] = [time.monotonic()]
    return _SENTENCES[kind]


def refused_of_late() -> str | None:
    """What it refused a moment ago, and what to do; None: nothing."""
    if not _last or time.monotonic() - _last[0].at_s > TOLD_SECONDS:
        return None
    kind = _last[0].kind
    return f"{_SENTENCES[kind]} {_REMEDIES[kind]}"


def read_only_at_s() -> float:
    """When it was last found to be read-only, on the monotonic clock; minus infinity: never."""
    return _read_only_at_s[0] if _read_only_at_s else -math.inf
