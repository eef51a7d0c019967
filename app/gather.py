"""The gatherer: many requests, one statement.

While one batch is under way the next requests collect, and go together when it is done; a lone
request goes at once. So group commit comes by itself, and a client that goes away cancels its own
waiting, never a running transaction.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from app.errors import NotReady, Overloaded

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gatherer(Generic[Item, Answer]):
    """Runs items in batches, one batch at a time.

    `run` answers every item of a batch, in order, an Exception for an item that failed by itself.
    When `run` raises, nothing of the batch was done: it is run again item by item, so that one bad item
    cannot fail its neighbours. NotReady (no database) goes to all of them at once.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int,
        queue_limit: int,
        weigh: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self.name = name
        self._run = run
        self._most = most
        self._queue_limit = queue_limit
        self._weigh = weigh
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Begins to serve, in the running event loop."""
        self._task = asyncio.create_task(self._serve(), name=f"gatherer {self.name}")

    async def submit(self, item: Item) -> Answer:
        """The answer to one item. Raises Overloaded when too many wait, NotReady when it is closed."""
        if self._closing:
            raise NotReady("The service is stopping.")
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded("Too many requests are waiting for the database.")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        return await future

    async def close(self) -> None:
        """Answers what waits, then ends."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        batch, weight = [self._waiting.popleft()], 0
        weight = self._weigh(batch[0][0])
        while self._waiting and weight + self._weigh(self._waiting[0][0]) <= self._most:
            batch.append(self._waiting.popleft())
            weight += self._weigh(batch[-1][0])
        return batch

    async def _serve(self) -> None:
        while self._waiting or not self._closing:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._answer(self._next_batch())

    async def _answer(self, batch: Sequence[tuple[Item, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await self._run([item for item, _ in batch])
        except NotReady as error:
            answers = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - whatever failed the batch belongs to its items
            if len(batch) > 1:
                for single in batch:
                    await self._answer([single])
                return
            answers = [error]
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # its client has gone
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
