"""A day of orders through the tills, twice, with a killed server in between: nothing lost, nothing twice.

    python -m benchmarks.replay --data FILE [--day 2010-12-06]

First in order, one after the other. Then under another source, shuffled, 30 % of them sent twice, by
16 tills that repeat what they got no answer to, while the server is killed (SIGKILL) and started
again. Every figure of every customer must be that of the day counted once a source.
"""

import argparse
import asyncio
import random
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx

from app.foundation.settings import Settings
from app.lifecycle.events import ORDER_COMPLETED
from benchmarks.databases import as_text, fresh_database, postgres
from benchmarks.processes import PERENNIAL, free_port, server_environment
from ml.data.order_events import read_orders
from ml.data.transactions import load_orders

TILLS = 16
REPEATED_SHARE = 0.3
GIVE_UP_S = 60.0

Event = dict[str, Any]


@dataclass(slots=True)
class Replay:
    """What the tills were told: statuses, attempts that got no answer, and the longest silence."""

    statuses: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    seconds: float = 0.0


class Shop:
    """A server that can be killed and started again on the same port, and its database's address."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.port = free_port()
        self._settings = {**settings, "PERENNIAL_PORT": str(self.port), "PERENNIAL_LOG_LEVEL": "WARNING"}
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> str:
        """What a `perennial` command prints. Raises CalledProcessError when it fails."""
        environment = server_environment(self._settings)
        done = subprocess.run([PERENNIAL, *command], env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def start(self) -> None:
        """Starts the server, without waiting for it."""
        environment = server_environment(self._settings)
        self._process = subprocess.Popen([PERENNIAL, "serve"], env=environment, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and waits."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    @asynccontextmanager
    async def client(self, key: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a key, once the server is ready."""
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=10) as client:
            deadline = time.monotonic() + GIVE_UP_S
            while not await self._is_ready(client):
                if time.monotonic() > deadline:
                    raise TimeoutError("the server did not become ready")
                await asyncio.sleep(0.05)
            yield client

    @staticmethod
    async def _is_ready(client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get("/readyz")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


async def send(client: httpx.AsyncClient, event: Event, replay: Replay) -> None:
    """Sends a checkout until it is answered, as a till does."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        try:
            answer = await client.post("/v1/checkouts", json={"event": event, "max_actions": 1})
        except httpx.TransportError:
            replay.unanswered += 1
        else:
            if answer.status_code == httpx.codes.OK:
                replay.statuses[answer.json()["event"]["status"]] += 1
                return
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise AssertionError(f"{answer.status_code}: {answer.text}")
            replay.unanswered += 1
        await asyncio.sleep(0.1)
    raise TimeoutError("a till gave up")


async def replay_in_order(client: httpx.AsyncClient, events: Sequence[Event]) -> Replay:
    """One till, one event after the other."""
    replay, started = Replay(), time.monotonic()
    for event in events:
        await send(client, event, replay)
    replay.seconds = time.monotonic() - started
    return replay


async def replay_in_disorder(shop: Shop, client: httpx.AsyncClient, events: Sequence[Event], seed: int) -> Replay:
    """Many tills, shuffled, some events twice, the server killed and started again in the middle."""
    draw = random.Random(seed)
    sent = [*events, *draw.sample(list(events), int(len(events) * REPEATED_SHARE))]
    draw.shuffle(sent)
    waiting, replay, started = iter(sent), Replay(), time.monotonic()
    killed = asyncio.Event()

    async def till() -> None:
        for event in waiting:
            await send(client, event, replay)
            if replay.statuses.total() >= len(sent) // 2 and not killed.is_set():
                killed.set()
                await asyncio.to_thread(shop.kill)
                shop.start()

    await asyncio.gather(*(till() for _ in range(TILLS)))
    replay.seconds = time.monotonic() - started
    return replay


def under_source(events: Sequence[Event], source: str) -> list[Event]:
    """The same events as another source would say them."""
    return [{**event, "source": source} for event in events]


async def check_figures(client: httpx.AsyncClient, events: Sequence[Event], times: int) -> int:
    """Compares every customer's profile with the events; the number of customers. Raises AssertionError."""
    orders: Counter[str] = Counter()
    spend: defaultdict[str, float] = defaultdict(float)
    given: defaultdict[tuple[str, str], float] = defaultdict(float)
    for event in events:
        if event["type"] != ORDER_COMPLETED:
            given[event["subject"], event["data"]["order_id"]] += event["data"]["total"]
    for event in events:
        is_order = event["type"] == ORDER_COMPLETED
        is_kept = given[event["subject"], event["data"]["order_id"]] < event["data"]["total"]
        orders[event["subject"]] += is_order and is_kept
        spend[event["subject"]] += event["data"]["total"] * (1 if is_order else -1)
    for customer_id, count in orders.items():
        profile = (await client.get(f"/v1/customers/{customer_id}")).json()
        found = (profile["orders"], profile["spend"])
        expected = (count * times, round(spend[customer_id] * times, 2))
        assert found == expected, f"{customer_id}: {found} instead of {expected}"
    return len(orders)


async def run(shop: Shop, events: Sequence[Event]) -> list[str]:
    """Both replays and all checks; what was seen, in sentences. Raises AssertionError."""
    key = shop.run("keys", "create", "replay", "--scope", "admin")
    shop.start()
    try:
        async with shop.client(key) as client:
            first = await replay_in_order(client, under_source(events, "/replay/ordered"))
            assert first.statuses == {"accepted": len(events)}, first.statuses
            customers = await check_figures(client, events, 1)
            second = await replay_in_disorder(shop, client, under_source(events, "/replay/shuffled"), seed=1)
            assert second.statuses["accepted"] <= len(events)
            await check_figures(client, events, 2)
    finally:
        shop.stop()
    shop.run("verify")
    return [
        f"{len(events)} events of {customers} customers in order: {first.seconds:.1f} s, each accepted once",
        (
            f"the same shuffled, {second.statuses.total()} sends by {TILLS} tills: {second.seconds:.1f} s, "
            f"{second.unanswered} without an answer and repeated, {second.statuses['accepted']} accepted, "
            f"{second.statuses['duplicate']} duplicates"
        ),
        "every customer's orders and spend are those of the day, once a source; states verify",
    ]


def read_day(data: Path, day: date) -> list[Event]:
    """The orders and refunds of one day of a transactions file, in order."""
    with duckdb.connect() as connection:
        load_orders(connection, data, source="/replay", currency="GBP")
        midnight_us = f"epoch_us(TIMESTAMP '{day} 00:00:00')"
        day_us = timedelta(days=1) // timedelta(microseconds=1)
        connection.execute(
            f"DELETE FROM events WHERE occurred_us NOT BETWEEN {midnight_us} AND {midnight_us} + {day_us} - 1"
        )
        orders = read_orders(connection, 0, Settings(currency="GBP"))
        return sorted(orders, key=lambda event: (event["time"], event["id"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--day", type=date.fromisoformat, default=date(2010, 12, 6))
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    events = read_day(arguments.data, arguments.day)
    with postgres(arguments.database_url) as server, fresh_database(server, "benchmark_replay") as database:
        settings = {"PERENNIAL_DATABASE_URL": as_text(database), "PERENNIAL_CURRENCY": "GBP"}
        for sentence in asyncio.run(run(Shop(settings), events)):
            print(sentence)


if __name__ == "__main__":
    main()
