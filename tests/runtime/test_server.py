"""The service as a process: draining, several workers, and what becomes of requests meanwhile."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI

from app.foundation.settings import Settings
from app.runtime.server import Server
from tests.processes import (
    ROOT,
    environment,
    is_running,
    make_key,
    requests_in,
    sample,
    starting,
)


@pytest.fixture
async def start(database_url, tmp_path, wait_until):
    async with starting(database_url, tmp_path, wait_until) as start:
        yield start


@pytest.fixture
async def key(engine, sql):
    return await make_key(engine)


@dataclass
class Till:
    """Sends one checkout after the other until it is told to stop, or to go elsewhere."""

    name: str
    answered: list = field(default_factory=list)
    cut: list = field(default_factory=list)
    told_to_close: bool = False

    async def run(self, process, key, shop, until):
        async with process.client(key) as client:
            while not until.is_set() and not self.told_to_close:
                event = shop.order(f"C-{self.name}")
                try:
                    response = await client.post("/v1/checkouts", json={"event": event})
                except httpx.TransportError as error:
                    self.cut.append(error)
                    return
                self.answered.append((event["id"], response.status_code))
                self.told_to_close = response.headers.get("connection") == "close"


async def counted(sql):
    return {row["id"] for row in await sql.rows("SELECT id FROM events")}


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_stop_under_load_cuts_no_request_and_loses_no_event(start, sql, shop, key, wait_until, workers):
    process = await start(workers=workers, drain_seconds=1)
    until, tills = asyncio.Event(), [Till(str(number)) for number in range(6)]
    selling = [asyncio.create_task(till.run(process, key, shop, until)) for till in tills]

    async def are_busy():
        return all(len(till.answered) >= 3 for till in tills)

    await wait_until(are_busy)
    process.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*selling)
    async with asyncio.timeout(30):
        code = await process.process.wait()
    assert code == 0
    assert [till.cut for till in tills] == [[]] * len(tills)
    assert all(till.told_to_close for till in tills)
    assert {status for till in tills for _, status in till.answered} == {200}
    assert await counted(sql) == {event_id for till in tills for event_id, _ in till.answered}
    stopped = [line for line in process.lines() if line["event"] == "service.stopped"]
    assert len(stopped) == workers


async def test_readiness_ends_when_draining_begins_while_requests_are_still_taken(start, sql, shop, key, wait_until):
    process = await start(drain_seconds=5)
    async with process.client(key) as client:
        process.process.send_signal(signal.SIGTERM)

        async def is_not_ready():
            return (await client.get("/readyz")).status_code == 503

        await wait_until(is_not_ready)
        assert (await client.get("/livez")).status_code == 200
        taken = await client.post("/v1/checkouts", json={"event": shop.order()})
        assert (taken.status_code, taken.headers["connection"]) == (200, "close")
        assert (await client.get("/health")).status_code == 503
        process.process.send_signal(signal.SIGTERM)  # again: it does not wait any longer
        assert await process.process.wait() == 0
        with pytest.raises(httpx.ConnectError):
            await client.get("/livez")


async def test_an_answer_that_takes_long_is_still_given(start, sql, shop, key, engine):
    process = await start(drain_seconds=0)
    async with process.client(key, timeout=20) as client:
        async with sql.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE events")
            slow = asyncio.create_task(client.post("/v1/events", json=shop.order()))
            await sql.wait_for_lock()
            process.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            assert process.process.returncode is None
        assert (await slow).json()["accepted"] == 1
    assert await process.process.wait() == 0


async def test_a_stop_that_takes_too_long_is_cut(monkeypatch):
    """A database that hangs must not keep the process beyond its time."""
    monkeypatch.setattr("app.runtime.server.LONGEST_SECONDS", 0.3)
    ready = asyncio.Event()

    @contextlib.asynccontextmanager
    async def lifespan(_):
        yield
        await asyncio.Event().wait()

    server = Server(FastAPI(lifespan=lifespan), Settings(port=0), ready.set)
    before = asyncio.all_tasks()
    serving = asyncio.create_task(server.serve())
    await ready.wait()
    server.should_exit = True
    async with asyncio.timeout(10):
        await serving
        left = asyncio.all_tasks() - before  # `Server.run` cancels them with its loop
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def test_a_killed_worker_is_replaced_while_the_other_serves(start, sql, shop, key, wait_until):
    process = await start(workers=2, drain_seconds=0)
    before = process.workers()
    assert len(before) == 2

    async def have_counted(count):
        """Both serve, and have told of so many requests."""
        async with process.client(key) as client:
            text = (await client.get("/metrics")).text
            return requests_in(text) >= count and sample(text, "perennial_workers") == 2

    async with process.client(key) as client:
        for _ in range(20):
            assert (await client.post("/v1/events", json=shop.order())).status_code == 200
    await wait_until(lambda: have_counted(20))
    os.kill(before[0], signal.SIGKILL)

    async def are_two_again():
        async with process.client(key) as client:
            with contextlib.suppress(httpx.TransportError):
                assert (await client.get("/livez")).status_code == 200
                text = (await client.get("/metrics")).text
                assert requests_in(text) == 20  # never less: what the killed one had told stays
                now = set(process.workers())
                return before[0] not in now and len(now) == 2 and sample(text, "perennial_workers") == 2

    await wait_until(are_two_again)
    assert [line["worker"] for line in process.lines() if line["event"] == "worker.ended"] in ([0], [1])
    assert await process.stop() == 0


async def test_the_workers_numbers_are_told_as_one(start, sql, shop, key, wait_until):
    process = await start(workers=2, drain_seconds=0)
    for number in range(30):
        async with process.client(key) as client:  # a connection each, so that either worker may take it
            assert (await client.post("/v1/events", json=shop.order(f"C-{number}"))).status_code == 200

    async def is_whole():
        async with process.client(key) as client:
            return requests_in((await client.get("/metrics")).text) == 30

    await wait_until(is_whole)
    async with process.client(key) as client:
        text = (await client.get("/metrics")).text
    assert sample(text, 'perennial_events_total{outcome="accepted",type="order.completed"}') == 30
    assert sample(text, "perennial_workers") == 2
    assert await process.stop() == 0


async def test_workers_end_with_their_supervisor(start, sql, wait_until):
    process = await start(workers=2, drain_seconds=0)
    workers = process.workers()
    process.process.kill()
    await process.process.wait()

    async def are_gone():
        return not any(is_running(pid) for pid in workers)

    await wait_until(are_gone)


async def test_a_worker_that_cannot_start_ends_the_service(database_url, tmp_path):
    taken = socket.socket()
    with taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = environment({"database_url": database_url, "home": tmp_path, "port": port, "workers": 2})
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "serve"), env=settings, cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        _, told = await process.communicate()
    assert process.returncode == 3
    assert b"listen.failed" in told
