"""Long work: whose turn it is, and what is left to others between."""

import asyncio
import time

import pytest

from app.database import long_work
from app.database.long_work import LongWork
from app.foundation.errors import Overloaded


@pytest.fixture
def served():
    return {"others": False}


@pytest.fixture
async def work(served):
    return LongWork(lambda: served["others"])


async def test_of_several_requests_each_has_a_slice_in_turn(work):
    done = []

    async def request(name):
        for number in range(3):
            async with work.turn():
                done.append((name, number))
                await asyncio.sleep(0)

    await asyncio.gather(request("a"), request("b"))
    assert done == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]


async def test_one_slice_at_a_time_and_others_are_served_between(work, served, monkeypatch):
    loop, rests = asyncio.get_running_loop(), []
    call_later = loop.call_later

    def note(delay_s, callback, *rest):
        if callback == work._turn.release:
            rests.append(delay_s)
        return call_later(0, callback, *rest)

    monkeypatch.setattr(loop, "call_later", note)
    served["others"] = True
    async with work.turn():
        time.sleep(0.01)  # noqa: ASYNC251 - work, as far as the loop can tell
    assert rests[-1] >= long_work.GIVEN_WAY * 0.01
    served["others"] = False
    rests.clear()
    async with work.turn():
        await asyncio.sleep(0)
    async with work.turn():
        pass
    assert not rests


async def test_beyond_a_number_who_would_wait_is_refused_at_once(work, monkeypatch):
    monkeypatch.setattr(long_work, "MOST_WAITING", 1)
    async with work.turn():
        waiting = asyncio.create_task(_take(work))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await _take(work)
    await waiting


async def test_nobody_waits_for_a_turn_for_ever(work, monkeypatch):
    monkeypatch.setattr(long_work, "LONGEST_WAIT_S", 0.01)
    async with work.turn():
        with pytest.raises(Overloaded):
            await _take(work)
    assert not work.waiting


async def test_a_slice_that_fails_gives_its_turn_on(work):
    with pytest.raises(ZeroDivisionError):
        async with work.turn():
            raise ZeroDivisionError
    await asyncio.wait_for(_take(work), 5)


async def test_who_goes_away_while_waiting_takes_no_turn(work):
    async with work.turn():
        waiting = asyncio.create_task(_take(work))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(_take(work), 5)


async def test_all_items_are_worked_on_in_their_order_so_many_in_a_turn(work):
    parts = []

    def do(items):
        parts.append(list(items))
        return [item * 10 for item in items]

    assert await work.each(range(7), do, most=3) == [0, 10, 20, 30, 40, 50, 60]
    assert parts == [[0, 1, 2], [3, 4, 5], [6]]


async def _take(work):
    async with work.turn():
        pass
