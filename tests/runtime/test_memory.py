"""Memory is given back after a burst, and not looked for without one."""

import asyncio
from contextlib import suppress
from typing import Any

from app.runtime import memory
from app.runtime.memory import GROWTH_BYTES, keep_trimmed


async def given_back_after(sizes, monkeypatch):
    """How often, where the process holds so much at one look after the other."""
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0)
    left, times = list(sizes), []
    task: Any = asyncio.current_task()

    def look():
        if not left:
            task.cancel()
        return left.pop(0) if left else 0

    with suppress(asyncio.CancelledError):
        await keep_trimmed(look, lambda: times.append(len(left)))
    task.uncancel()
    return len(times)


async def test_what_a_burst_left_is_given_back_once(monkeypatch):
    large = 100 + 2 * GROWTH_BYTES
    assert await given_back_after([100, large, 110, 120, 110], monkeypatch) == 1


async def test_a_service_that_does_not_grow_is_left_alone(monkeypatch):
    assert await given_back_after([100, 110, 120, 90, 100], monkeypatch) == 0


async def test_each_burst_is_given_back(monkeypatch):
    large = 100 + 2 * GROWTH_BYTES
    assert await given_back_after([100, large, 100, large, 100, 100], monkeypatch) == 2
