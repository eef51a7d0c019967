"""The service as senders meet it: a process of its own, reached by HTTP."""

import asyncio
import re
from collections import Counter

import pytest

from tests.processes import make_key, starting

SERIES = r"^http_server_request_duration_seconds_count\{(.*)\} (\S+)$"
ROUTES = ("/v1/events", "/v1/segment/v1/{call}", "/v1/batch")


class Door:
    """The service's address, a key, and what it has answered since a test began."""

    def __init__(self, process, key, sql):
        self.process, self.key, self.base, self._sql = process, key, process.base, sql
        self.before: Counter[int] = Counter()

    async def count(self):
        """Status → how many requests to the routes of ingest were answered so by this process."""
        async with self.process.client(self.key) as client:
            text = (await client.get("/metrics")).text
        found: Counter[int] = Counter()
        for labels, count in re.findall(SERIES, text, re.MULTILINE):
            told = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if told["http_route"] in ROUTES:
                found[int(told["http_response_status_code"])] += int(float(count))
        return found

    async def answers(self):
        """The same, of this test."""
        return await self.count() - self.before

    async def orders(self):
        """Customer → orders counted."""
        rows = await self._sql.rows("SELECT customer_id, orders FROM customer_states WHERE orders > 0")
        return {row["customer_id"]: row["orders"] for row in rows}

    async def while_it_cannot_count(self, work, *arguments):
        """Runs `work` in a thread; the database is out of reach until a request was answered 503."""
        async with self._sql.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE events")
            working = asyncio.create_task(asyncio.to_thread(work, *arguments))
            while not (await self.answers())[503]:
                assert not working.done(), working.result()
                await asyncio.sleep(0.05)
        return await working


@pytest.fixture(scope="session")
async def running(anyio_backend, database_url, tmp_path_factory, wait_until):
    async with starting(database_url, tmp_path_factory.mktemp("senders"), wait_until) as start:
        yield await start(patience_ms=300, metrics_open=True)


@pytest.fixture
async def door(running, engine, sql):
    """A running service on empty tables."""
    door = Door(running, await make_key(engine), sql)
    door.before = await door.count()
    return door
