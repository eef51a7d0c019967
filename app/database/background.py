"""Work in the background of a service: looked at on a schedule, done in pieces that give way to tills."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
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


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _turn() -> asyncio.Semaphore:
    """Held while a work of this process is done."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))


async def run_periodically(name: str, every_s: float, work: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> None:
    """Calls `work` for ever, each LOOK_SECONDS, or each `every_s` if that is less: it finds out whether it is due.

    What it returns is logged as what was done; None: nothing was. What the database refuses is logged, and
    tried again at the next look. Of all works of a process AT_ONCE are done at a time, the others after them.
    """
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, every_s))
        async with _turn():
            began = time.monotonic()
            try:
                told = await work()
            except (NotReady, SQLAlchemyError, asyncpg.PostgresError) as error:
                log.warning(f"{name}.failed", reason=type(error).__name__)
                continue
        if told is not None:
            log.info(f"{name}.done", elapsed_s=round(time.monotonic() - began, 2), **told)


async def yield_to_requests(began: float, share: float) -> None:
    """After a piece that began at `began` (`time.perf_counter`) others have their turn; for longer, the smaller
    the share.
    """
    await asyncio.sleep((time.perf_counter() - began) * (1.0 / share - 1.0))


def cut(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """The rows in pieces of at most `size`."""
    return (rows[at : at + size] for at in range(0, len(rows), size))
