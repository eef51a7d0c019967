"""Long work beside short: done a slice at a time, which gives way to whoever waits for an answer at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from app.foundation.errors import Overloaded
from app.foundation.metrics import OVERLOADS

Item = TypeVar("Item")
Answer = TypeVar("Answer")

NAME: Final = "long work"
GIVEN_WAY: Final = 3.0
"""For each second of a slice so many are left to others, while there are some."""
LONGEST_REST_S: Final = 2.0
LONGEST_WAIT_S: Final = 10.0
MOST_WAITING: Final = 64
"""Who would wait for a turn behind so many is refused at once."""


class LongWork:
    """Turns of one process, in the order that they are asked for: of several requests each has a slice in turn."""

    def __init__(self, are_others_served: Callable[[], bool]) -> None:
        self._are_others_served = are_others_served
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def gives_way(self) -> bool:
        """Whether somebody waits for an answer at once."""
        return self._are_others_served()

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return self._waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """For a slice. The next turn begins some time after, as long as others are served. Raises Overloaded."""
        if self._waiting >= MOST_WAITING:
            OVERLOADS.add((NAME,))
            raise Overloaded("Too much long work is waiting.")
        self._waiting += 1
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise Overloaded("Too much long work is under way.") from error
        finally:
            self._waiting -= 1
        began_s = time.monotonic()
        try:
            yield
        finally:
            elapsed_s, loop = time.monotonic() - began_s, asyncio.get_running_loop()
            if self.gives_way:
                loop.call_later(min(GIVEN_WAY * elapsed_s, LONGEST_REST_S), self._turn.release)
            else:
                loop.call_soon(self._turn.release)

    async def each(
        self, items: Sequence[Item], do: Callable[[Sequence[Item]], Sequence[Answer]], *, most: int
    ) -> list[Answer]:
        """What `do` makes of all items, so many in a turn. So few take none: that is no long work."""
        if len(items) <= most:
            return list(do(items))
        found: list[Answer] = []
        for start in range(0, len(items), most):
            async with self.turn():
                found += do(items[start : start + most])
        return found
