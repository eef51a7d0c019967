"""The gatherer by itself: what goes together, and what becomes of each item when things fail."""

import asyncio

import pytest

from app.database.gatherer import Apart, Gatherer
from app.foundation.errors import NotReady, Overloaded, Problem


class Database:
    """Runs batches when told to. Items that are exceptions are answered, or raised, as such."""

    def __init__(self, *, is_open=True):
        self.batches = []
        self.gate = asyncio.Event()
        if is_open:
            self.gate.set()

    async def run(self, items):
        self.batches.append(list(items))
        await self.gate.wait()
        for item in items:
            if isinstance(item, BaseException):
                raise item
        return [RuntimeError("of its own") if item == "bad answer" else f"<{item}>" for item in items]


@pytest.fixture
async def make():
    gatherers, databases = [], []

    def make(database, **options):
        databases.append(database)
        gatherers.append(
            Gatherer("test", database.run, **{"most": 100, "queue_limit": 1000, "patience_s": 60, **options})
        )
        gatherers[-1].start()
        return gatherers[-1]

    yield make
    for database in databases:
        database.gate.set()
    for gatherer in gatherers:
        await gatherer.close()


def submit_all(gatherer, items):
    return [asyncio.create_task(gatherer.submit(item)) for item in items]


async def settle(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a handful of turns of the loop
            await asyncio.sleep(0)


async def test_a_lone_item_goes_at_once(make):
    database = Database()
    assert await make(database).submit("a") == "<a>"
    assert database.batches == [["a"]]


async def test_what_arrives_while_a_batch_is_under_way_goes_together(make):
    database = Database(is_open=False)
    gatherer = make(database)
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    rest = submit_all(gatherer, ["b", "c", "d"])
    await settle(lambda: len(gatherer._waiting) == 3)
    database.gate.set()
    assert await asyncio.gather(*first, *rest) == ["<a>", "<b>", "<c>", "<d>"]
    assert database.batches == [["a"], ["b", "c", "d"]]


async def test_one_batch_at_a_time(make):
    under_way = most = 0

    async def run(items):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return items

    gatherer = Gatherer("test", run, most=3, queue_limit=1000, patience_s=60)
    gatherer.start()
    assert await asyncio.gather(*submit_all(gatherer, range(100))) == list(range(100))
    assert most == 1
    await gatherer.close()


async def test_a_batch_is_no_heavier_than_it_may_be(make):
    database = Database(is_open=False)
    gatherer = make(database, most=4, weigh=len)
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    items = ["aa", "bb", "c", "dddddd", "e", "ff"]
    rest = submit_all(gatherer, items)
    await settle(lambda: len(gatherer._waiting) == len(items))
    database.gate.set()
    await asyncio.gather(*first, *rest)
    assert database.batches[1:] == [["aa", "bb"], ["c"], ["dddddd"], ["e", "ff"]]


async def test_a_failed_batch_is_run_again_item_by_item(make):
    database = Database(is_open=False)
    gatherer = make(database)
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    error = ValueError("bad")
    rest = submit_all(gatherer, ["b", error, "c"])
    await settle(lambda: len(gatherer._waiting) == 3)
    database.gate.set()
    answers = await asyncio.gather(*first, *rest, return_exceptions=True)
    assert answers == ["<a>", "<b>", error, "<c>"]
    assert database.batches[1:] == [["b", error, "c"], ["b"], [error], ["c"]]
    assert await gatherer.submit("d") == "<d>"


async def test_an_answer_that_is_an_exception_is_for_its_item_alone(make):
    database = Database(is_open=False)
    gatherer = make(database)
    tasks = submit_all(gatherer, ["a", "bad answer", "c"])
    await settle(lambda: database.batches)
    database.gate.set()
    first, bad, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, last) == ("<a>", "<c>")
    assert isinstance(bad, RuntimeError)
    assert sum(len(batch) for batch in database.batches) == 3


async def test_no_database_is_told_to_all_at_once(make):
    database = Database(is_open=False)
    gatherer = make(database)
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    rest = submit_all(gatherer, ["b", NotReady("gone"), "c"])
    await settle(lambda: len(gatherer._waiting) == 3)
    database.gate.set()
    answers = await asyncio.gather(*first, *rest, return_exceptions=True)
    assert answers[0] == "<a>"
    assert [type(answer) for answer in answers[1:]] == [NotReady] * 3
    assert len(database.batches) == 2
    assert await gatherer.submit("d") == "<d>"


async def test_a_waiter_that_is_cancelled_cancels_nobody_else(make):
    database = Database(is_open=False)
    gatherer = make(database)
    running, also_running = submit_all(gatherer, ["a", "b"])
    await settle(lambda: database.batches)
    waiting, also_waiting = submit_all(gatherer, ["c", "d"])
    await settle(lambda: len(gatherer._waiting) == 2)
    running.cancel()
    waiting.cancel()
    await settle(lambda: running.done() and waiting.done())
    database.gate.set()
    assert [await also_running, await also_waiting] == ["<b>", "<d>"]
    assert database.batches[0] == ["a", "b"]
    assert await gatherer.submit("e") == "<e>"


async def test_a_failure_for_a_waiter_that_has_gone(make):
    database = Database(is_open=False)
    gatherer = make(database)
    (running,) = submit_all(gatherer, [ValueError("nobody hears it")])
    await settle(lambda: database.batches)
    running.cancel()
    await settle(running.done)
    database.gate.set()
    assert await gatherer.submit("a") == "<a>"


async def test_too_many_waiters_are_refused_at_once(make):
    database = Database(is_open=False)
    gatherer = make(database, queue_limit=2)
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    waiting = submit_all(gatherer, ["b", "c"])
    await settle(lambda: len(gatherer._waiting) == 2)
    with pytest.raises(Overloaded) as refusal:
        await gatherer.submit("d")
    assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (503, "1")
    assert isinstance(refusal.value, Problem)
    database.gate.set()
    assert await asyncio.gather(*first, *waiting) == ["<a>", "<b>", "<c>"]
    assert await gatherer.submit("e") == "<e>"


async def test_who_could_not_be_answered_in_time_by_how_long_batches_take_is_refused_at_once(make):
    database = Database(is_open=False)
    gatherer = make(database, most=2, patience_s=30)
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    gatherer._batch_s = 20.0
    waiting = submit_all(gatherer, ["b", "c", "d"])
    await settle(lambda: len(gatherer._waiting) == 3)
    hasty = asyncio.get_running_loop().time() + 10
    with pytest.raises(Overloaded):
        await gatherer.submit("e", hasty)
    waiting += submit_all(gatherer, ["f"])
    await settle(lambda: len(gatherer._waiting) == 4)
    with pytest.raises(Overloaded):
        await gatherer.submit("g")
    database.gate.set()
    await asyncio.gather(*first, *waiting)
    gatherer._batch_s = 1000.0
    assert await gatherer.submit("h") == "<h>", "nobody waits: it is tried, however long the last took"


async def test_who_was_turned_away_takes_no_place_in_a_batch(make):
    database = Database(is_open=False)
    gatherer = make(database, most=2)
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    now_s = asyncio.get_running_loop().time()
    hasty = [asyncio.create_task(gatherer.submit(item, now_s + 0.01)) for item in ("b", "c")]
    patient = submit_all(gatherer, ["d", "e"])
    assert all(isinstance(each, NotReady) for each in await asyncio.gather(*hasty, return_exceptions=True))
    database.gate.set()
    await asyncio.gather(*first, *patient)
    assert database.batches == [["a"], ["d", "e"]]


async def test_each_waits_for_as_long_as_it_would_and_no_longer_than_all(make):
    """An earlier time than any before it moves the one timer; who is turned away before it begins is dropped."""
    database = Database(is_open=False)
    gatherer = make(database)
    now_s = asyncio.get_running_loop().time()
    first = asyncio.create_task(gatherer.submit("a", now_s + 3600))
    await settle(lambda: database.batches)
    patient, hasty = (asyncio.create_task(gatherer.submit(*item)) for item in (("b",), ("c", now_s + 0.02)))
    with pytest.raises(NotReady):
        await hasty
    assert not first.done()
    assert not patient.done()
    assert gatherer._patience_timer.when() <= now_s + 61
    database.gate.set()
    assert [await first, await patient] == ["<a>", "<b>"]
    assert database.batches == [["a"], ["b"]]


async def test_closing_answers_what_waits_and_takes_no_more():
    database = Database(is_open=False)
    gatherer = Gatherer("test", database.run, most=100, queue_limit=1000, patience_s=60)
    gatherer.start()
    first = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    waiting = submit_all(gatherer, ["b", "c"])
    await settle(lambda: len(gatherer._waiting) == 2)
    closing = asyncio.create_task(gatherer.close())
    await settle(lambda: gatherer._closing)
    with pytest.raises(NotReady):
        await gatherer.submit("d")
    database.gate.set()
    await closing
    assert await asyncio.gather(*first, *waiting) == ["<a>", "<b>", "<c>"]


async def test_closing_while_idle_and_before_it_began():
    idle = Gatherer("test", Database().run, most=1, queue_limit=1, patience_s=60)
    idle.start()
    await asyncio.sleep(0)
    never_started = Gatherer("test", Database().run, most=1, queue_limit=1, patience_s=60)
    async with asyncio.timeout(10):
        await idle.close()
        await never_started.close()


async def test_an_overloaded_service_answers_503_and_recovers(serve, sql, shop):
    async with serve(queue_limit=5) as service:
        async with sql.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE events")
            first = asyncio.create_task(service.client.post("/v1/events", json=shop.order()))
            await sql.wait_for_lock()
            rest = [asyncio.create_task(service.client.post("/v1/events", json=shop.order())) for _ in range(12)]
            refused = [await task for task in asyncio.as_completed(rest[5:])]
        taken = await asyncio.gather(first, *rest[:5])
    assert {response.status_code for response in taken} == {200}
    for response in refused:
        assert (response.status_code, response.json()["type"]) == (503, "urn:perennial:problem:overloaded")
        assert int(response.headers["retry-after"]) > 0
    assert await sql.value("SELECT orders FROM customer_states") == 6


async def test_who_waits_too_long_is_turned_away_and_what_had_not_begun_is_dropped(make):
    database = Database(is_open=False)
    gatherer = make(database, patience_s=0.05)
    under_way = submit_all(gatherer, ["a"])
    await settle(lambda: database.batches)
    waiting = submit_all(gatherer, ["b", "c"])
    answers = await asyncio.gather(*under_way, *waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotReady] * 3
    database.gate.set()
    assert await gatherer.submit("d") == "<d>"
    assert database.batches == [["a"], ["d"]]


async def test_patience_is_for_each_by_itself(make):
    database = Database(is_open=False)
    gatherer = make(database, patience_s=0.4)
    early = submit_all(gatherer, ["a"])
    await asyncio.sleep(0.3)
    late = submit_all(gatherer, ["b"])
    with pytest.raises(NotReady):
        await early[0]
    assert not late[0].done()
    database.gate.set()
    assert await late[0] == "<b>"


async def test_a_batch_that_says_so_goes_again_in_parts():
    """In the order of the parts: the first is answered before the second begins."""
    batches, under_way = [], []

    async def run(items):
        batches.append(list(items))
        if len(items) == 4:
            raise Apart([1, 3], [0, 2])
        await asyncio.sleep(0.01)
        under_way.append([task.done() for task in tasks])
        return items

    gatherer = Gatherer("test", run, most=100, queue_limit=1000, patience_s=60)
    tasks = submit_all(gatherer, ["a", "b", "c", "d"])
    await settle(lambda: gatherer.waiting == 4)
    gatherer.start()
    assert await asyncio.gather(*tasks) == ["a", "b", "c", "d"]
    assert batches == [["a", "b", "c", "d"], ["b", "d"], ["a", "c"]]
    assert under_way == [[False] * 4, [False, True, False, True]]
    await gatherer.close()
