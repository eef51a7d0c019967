"""Work in the background takes turns: no work waits for a connection that another holds while it waits for one too."""

import asyncio
from collections import Counter

import pytest

from app.database.background import AT_ONCE, list_works, run_periodically
from app.foundation.errors import NotReady


def find_work(name):
    """Services of other tests have works in the same loop."""
    return next(each for each in list_works() if each.name == name)


async def run_until(done, works):
    running = [asyncio.create_task(run_periodically(name, 0.01, work)) for name, work in works.items()]
    async with asyncio.timeout(20):
        await done.wait()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_works_of_a_process_take_turns_and_each_has_one():
    done: Counter[str] = Counter()
    under_way, most = set(), []
    all_done = asyncio.Event()

    def work_of(name):
        async def work():
            under_way.add(name)
            most.append(len(under_way))
            await asyncio.sleep(0.02)
            under_way.discard(name)
            done[name] += 1
            if len(done) == 9 and min(done.values()) > 1:
                all_done.set()

        return work

    await run_until(all_done, {f"work-{number}": work_of(f"work-{number}") for number in range(9)})
    assert max(most) == AT_ONCE


async def test_a_work_that_fails_gives_its_turn_back():
    tried, went_on = [], asyncio.Event()

    async def fail():
        tried.append(1)
        raise NotReady("The database is out of reach.")

    async def go_on():
        if len(tried) > 3 * AT_ONCE:
            went_on.set()

    await run_until(went_on, {**{f"failing-{number}": fail for number in range(AT_ONCE)}, "other": go_on})


async def test_a_work_that_ended_by_a_defect_is_no_work_any_more():
    async def work():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_periodically("failing", 0.01, work)
    assert "failing" not in {each.name for each in list_works()}


async def test_what_a_work_did_and_how_it_failed_is_told():
    answers, all_done = iter([None, {"customers": 3}, NotReady("away"), None]), asyncio.Event()
    seen = []

    async def work():
        told = find_work("counting")
        seen.append((told.state, told.did, told.failure))
        answer = next(answers, None)
        if len(seen) == 5:
            all_done.set()
        if isinstance(answer, NotReady):
            raise answer
        return answer

    await run_until(all_done, {"counting": work})
    did = {"customers": 3}
    assert seen == [
        ("running", None, None),
        ("running", None, None),
        ("running", did, None),
        ("running", did, "NotReady"),
        ("running", did, None),
    ]
    told = find_work("counting")
    assert told.every_s == 0.01
    assert told.did_us is not None
    assert told.looked_us is not None
    assert told.did_us <= told.looked_us
