"""Work in the background of a service: looked at on a schedule, done in pieces that give way to tills."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.foundation.errors import NotReady
from app.foundation.logs import log

SERVICE_SHARE: Final = 0.25
"""Share of the event loop's time that such work takes in a service."""
LOOK_SECONDS: Final = 60.0
"""How often a service looks whether it is due."""

AT_ONCE: Final = 2
"""How many such works a process does at the same time. Each may hold a connection, and wait for a second one: all of
them together would wait for each other, and requests for them."""

ReportProgress = Callable[[int, int | None], None]
"""Called with what is done so far, and of how many if that is known."""
Row = TypeVar("Row")


def ignore_progress(_done: int, _of: int | None) -> None:
    """For work that nobody looks on at."""


@dataclass(slots=True)
class Work:
    """What is done on a schedule, as this process saw it. Times in microseconds; None: not yet.

    `state`: it waits for its time, for its turn, or is done just now. `did` is what was done at `did_us`: most looks
    find that nothing is due, or that another process does it.
    """

    name: str
    every_s: float
    next_us: int
    state: Literal["waiting", "queued", "running"] = "waiting"
    looked_us: int | None = None
    took_s: float | None = None
    did_us: int | None = None
    did: Mapping[str, Any] | None = None
    failed_us: int | None = None
    failure: str | None = None


_works: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Work]] = WeakKeyDictionary()


def list_works() -> list[Work]:
    """Of this process, in the order in which they began."""
    return list(_works.get(asyncio.get_running_loop(), {}).values())


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _turn() -> asyncio.Semaphore:
    """Held while a work of this process is done."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))


async def run_periodically(name: str, every_s: float, work: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> None:
    """Calls `work` for ever, each LOOK_SECONDS, or each `every_s` if that is less: it finds out whether it is due.

    What it returns is logged as what was done; None: nothing was. What the database refuses is logged, and
    tried again at the next look. Of all works of a process AT_ONCE are done at a time, the others after them.
    """
    rest_s = min(LOOK_SECONDS, every_s)
    seen = Work(name, every_s, _now_us())
    works = _works.setdefault(asyncio.get_running_loop(), {})
    works[name] = seen
    try:
        await _repeat(seen, rest_s, work)
    except Exception:  # a defect: it is told of among those that have ended
        works.pop(name, None)
        raise


async def _repeat(seen: Work, rest_s: float, work: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> None:
    while True:
        seen.state, seen.next_us = "waiting", _now_us() + int(rest_s * 1e6)
        await asyncio.sleep(rest_s)
        seen.state = "queued"
        async with _turn():
            seen.state, seen.looked_us, began = "running", _now_us(), time.monotonic()
            try:
                told = await work()
            except (NotReady, SQLAlchemyError, asyncpg.PostgresError) as error:
                seen.failed_us, seen.failure = _now_us(), type(error).__name__
                log.warning(f"{seen.name}.failed", reason=seen.failure)
                continue
            seen.failed_us, seen.failure, seen.took_s = None, None, round(time.monotonic() - began, 2)
        if told is not None:
            seen.did_us, seen.did = _now_us(), told
            log.info(f"{seen.name}.done", elapsed_s=seen.took_s, **told)


def _now_us() -> int:
    return time.time_ns() // 1000


async def yield_to_requests(began: float, share: float) -> None:
    """After a piece that began at `began` (`time.perf_counter`) others have their turn; for longer, the smaller
    the share.
    """
    await asyncio.sleep((time.perf_counter() - began) * (1.0 / share - 1.0))


def cut(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """The rows in pieces of at most `size`."""
    return (rows[at : at + size] for at in range(0, len(rows), size))
