"""Memory is given back after a burst, and not looked for without one."""

import asyncio
from contextlib import suppress
from typing import Any

from app.runtime import memory
from app.runtime.memory import GROWTH_BYTES, keep_trimmed


class Process:
    """Holds `sizes`, one after the other as time goes by; to give back brings it to `rest`."""

    def __init__(self, sizes, rest, monkeypatch):
        self.sizes, self.rest, self.held = list(sizes), rest, sizes[0]
        self.given_back, self.waits = [], []
        self._task: Any = asyncio.current_task()
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds):
        self.waits.append(seconds)
        if not self.sizes:
            raise asyncio.CancelledError
        self.held = self.sizes.pop(0)

    def give_back(self):
        self.given_back.append(self.held)
        self.held = min(self.held, self.rest)

    async def run(self):
        with suppress(asyncio.CancelledError):
            await keep_trimmed(lambda: self.held, self.give_back)
        return self.given_back


LARGE = 100 + 4 * GROWTH_BYTES


async def test_what_a_burst_left_is_given_back(monkeypatch):
    assert await Process([100, LARGE, 110, 120], 110, monkeypatch).run() == [LARGE]


async def test_a_service_that_does_not_grow_is_left_alone(monkeypatch):
    assert await Process([100, 110, 120, 90, 100], 90, monkeypatch).run() == []


async def test_what_a_burst_still_holds_is_given_back_when_it_is_over(monkeypatch):
    process = Process([100, LARGE, LARGE, LARGE], LARGE, monkeypatch)
    process.sizes.append(LARGE)
    await process.run()
    assert process.given_back == [LARGE] * 4


async def test_what_is_held_for_good_is_looked_for_ever_less_often(monkeypatch):
    process = Process([100, *[LARGE] * 12], LARGE, monkeypatch)
    await process.run()
    waits = process.waits[2:]
    assert waits == sorted(waits)
    assert waits[-1] == memory.LONGEST_SECONDS
