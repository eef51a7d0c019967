"""The gatherer: many requests, one statement.

While one batch is under way the next requests collect, and go together when it is done; a lone
request goes at once. So group commit comes by itself, and a client that goes away cancels its own
waiting, never a running transaction.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from app.database.refusals import reason_of
from app.foundation.errors import NotReady, Overloaded
from app.foundation.metrics import BATCHES, OVERLOADS

Item = TypeVar("Item")
Answer = TypeVar("Answer")

LOOK_SECONDS: Final = 0.005
"""From one look for who has waited too long to the next, at least."""
TURNS: Final = 4
"""Of the event loop, before a batch goes: what has arrived already, but is not read yet, goes with it. Tens of
microseconds for a lone request; under load batches are larger, and a checkout costs a seventh less."""

PAST_BATCHES: Final = 4
"""By how many the time that a batch takes is smoothed."""


class Apart(Exception):
    """Nothing of a batch was done: it is to be run again in `parts`, in turn, each a list of places in the batch."""

    def __init__(self, *parts: Sequence[int]) -> None:
        super().__init__(parts)
        self.parts = parts


class Waiting(NamedTuple, Generic[Item, Answer]):
    """An item, its answer to come, and the loop's time until which it waits."""

    item: Item
    answer: "asyncio.Future[Answer]"
    until_s: float


class Gatherer(Generic[Item, Answer]):
    """Runs items in batches, one batch at a time.

    `run` answers every item of a batch, in order, an Exception for an item that failed by itself.
    When `run` raises, nothing of the batch was done: it is run again item by item, so that one bad item
    cannot fail its neighbours; or in parts, where it says so (Apart). NotReady (no database) goes to all at once.

    Who could not be answered within `patience_s`, by how long batches take now, gets Overloaded at once. Who has waited
    longer than that, or than it would, gets NotReady. A batch that is under way goes on, and
    counts what it counts; an item that has not begun is dropped.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int,
        queue_limit: int,
        patience_s: float,
        weigh: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self.name = name
        self._run = run
        self._most = most
        self._queue_limit = queue_limit
        self._patience_s = patience_s
        self._weigh = weigh
        self._waiting: deque[Waiting[Item, Answer]] = deque()
        self._waiting_weight = 0
        self._batch_s = 0.0
        """How long a batch takes, of late."""
        self._under_way: Sequence[Waiting[Item, Answer]] = ()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._patience_timer: asyncio.TimerHandle | None = None
        self._closing = False

    def start(self) -> None:
        """Begins to serve, in the running event loop."""
        self._task = asyncio.create_task(self._serve(), name=f"gatherer {self.name}")

    async def submit(self, item: Item, until_s: float | None = None) -> Answer:
        """The answer to one item, which waits until a time of the loop at most.

        Raises Overloaded when too many wait for it to be answered in time, NotReady when it is closed or too slow.
        """
        if self._closing:
            raise NotReady("The service is stopping.")
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        until_s = now_s + self._patience_s if until_s is None else min(until_s, now_s + self._patience_s)
        if len(self._waiting) >= self._queue_limit or (self._under_way and now_s + self._expected_s() > until_s):
            OVERLOADS.add((self.name,))
            raise Overloaded("Too many requests are waiting for the database.")
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(Waiting(item, answer, until_s))
        self._waiting_weight += self._weigh(item)
        self._arrived.set()
        if self._patience_timer is None or until_s < self._patience_timer.when():
            self._look_at(until_s, loop)
        return await answer

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._waiting or self._under_way)

    @property
    def waiting(self) -> int:
        """How many wait to go into a batch."""
        return len(self._waiting)

    def _expected_s(self) -> float:
        """How long those who wait already take; less while batches are small and become larger."""
        return self._batch_s * (self._waiting_weight // self._most)

    async def close(self) -> None:
        """Answers what waits, then ends."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        if self._patience_timer is not None:
            self._patience_timer.cancel()

    def _look_at(self, when_s: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._patience_timer is not None:
            self._patience_timer.cancel()
        self._patience_timer = loop.call_at(when_s, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Turns away who has waited too long; one timer for all is cheaper than one for each."""
        self._patience_timer, now_s = None, loop.time()
        waiting = [each for each in (*self._under_way, *self._waiting) if not each.answer.done()]
        for each in waiting:
            if each.until_s <= now_s:
                each.answer.set_exception(NotReady("The database takes too long. What was sent may yet be counted."))
        later_s = [each.until_s for each in waiting if each.until_s > now_s]
        if later_s:
            self._look_at(max(min(later_s), now_s + LOOK_SECONDS), loop)

    def _next_batch(self) -> list[Waiting[Item, Answer]]:
        batch: list[Waiting[Item, Answer]] = []
        weight = 0
        while self._waiting:
            first, its = self._waiting[0], self._weigh(self._waiting[0].item)
            if not _is_turned_away(first):
                if batch and weight + its > self._most:
                    break
                batch.append(first)
                weight += its
            self._waiting.popleft()
            self._waiting_weight -= its
        return batch

    async def _serve(self) -> None:
        while self._waiting or not self._closing:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            for _ in range(TURNS):
                await asyncio.sleep(0)
            self._under_way = self._next_batch()
            if self._under_way:
                BATCHES.observe(len(self._under_way), (self.name,))
                began_s = time.monotonic()
                await self._answer(self._under_way)
                self._batch_s += (time.monotonic() - began_s - self._batch_s) / PAST_BATCHES
            self._under_way = ()

    async def _answer(self, batch: Sequence[Waiting[Item, Answer]]) -> None:
        try:
            answers = await self._run([waiting.item for waiting in batch])
        except Apart as error:
            for part in error.parts:
                await self._answer([batch[place] for place in part])
            return
        except NotReady as error:
            reason = reason_of(error.__cause__)
            answers = [error if reason is None else NotReady(reason)] * len(batch)
        except Exception as error:  # noqa: BLE001 - whatever failed the batch belongs to its items
            if len(batch) > 1:
                for single in batch:
                    await self._answer([single])
                return
            answers = [error]
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():  # its client has gone, or was turned away
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)


def _is_turned_away(waiting: Waiting[Any, Any]) -> bool:
    return waiting.answer.done() and not waiting.answer.cancelled()
