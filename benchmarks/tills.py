"""Tills that send checkouts, each of a new event, until they are answered, and keep book of what they were told.

Some give up, as one does whose power is cut; some repeat what was answered.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

TILLS = 16
CUSTOMERS = 300
ITEMS = 40
SOURCE = "/chaos"
PAUSE_S = 0.1  # at most, between two sales: the load leaves cores for the recovery
RETRY_S = (0.02, 0.1)  # sooner than tills should, Retry-After or not: a recovery is seen within milliseconds
REQUEST_S = 2.0
GIVE_UP_S = 60.0
ABANDONED_SHARE = 0.02  # of attempts without an answer
REPEATED_SHARE = 0.1  # of answers

NO_ANSWER = (
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.SERVICE_UNAVAILABLE,
    httpx.codes.GATEWAY_TIMEOUT,
)

Json = dict[str, Any]


@dataclass(slots=True)
class Book:
    """What the tills know: event → customer of all that was sent, event → answer of all that was acknowledged."""

    sent: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, Json] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    otherwise: list[str] = field(default_factory=list)
    """Events whose repeat was answered otherwise than at first."""
    unexpected: list[str] = field(default_factory=list)
    """Answers that no till should get."""
    refusals_s: list[float] = field(default_factory=list)
    """How long the answer 503 took."""


class Tills:
    """Sends until `stopping`. `first_answer_since` tells when one is served again."""

    def __init__(self, url: str, key: str, seed: int) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(base_url=url, headers=headers, timeout=REQUEST_S, trust_env=False)
        self._seed = seed
        self._watch: tuple[float, asyncio.Future[float]] | None = None
        self.book = Book()
        self.stopping = False

    async def run(self) -> None:
        async with self._client, asyncio.TaskGroup() as group:
            for number in range(TILLS):
                group.create_task(self._work(number))

    async def first_answer_since(self, since_s: float) -> float:
        """The monotonic time of the first good answer to a request that began later. Raises TimeoutError."""
        future = asyncio.get_running_loop().create_future()
        self._watch = (since_s, future)
        return await asyncio.wait_for(future, GIVE_UP_S)

    async def _work(self, number: int) -> None:
        draw = random.Random(f"{self._seed}/{number}")
        made = 0
        while not self.stopping:
            made += 1
            await self._sell(make_order(f"{number}-{made}", f"C-{draw.randrange(CUSTOMERS)}"), draw)
            await asyncio.sleep(draw.uniform(0, PAUSE_S))

    async def _sell(self, event: Json, draw: random.Random) -> None:
        self.book.sent[event["id"]] = event["subject"]
        while (answer := await self._attempt(event)) is None:
            if draw.random() < ABANDONED_SHARE:
                return
            await asyncio.sleep(draw.uniform(*RETRY_S))
        self.book.acknowledged[event["id"]] = answer
        if draw.random() < REPEATED_SHARE and (again := await self._attempt(event)) is not None:
            self.book.repeats += 1
            expected = {**answer, "event": {"status": "duplicate"}}
            if again != expected:
                self.book.otherwise.append(event["id"])

    async def _attempt(self, event: Json) -> Json | None:
        """The answer, None where there was none that counts."""
        began_s = time.monotonic()
        try:
            response = await self._client.post("/v1/checkouts", json={"event": event, "max_actions": 1})
        except httpx.TransportError as error:
            self.book.statuses[type(error).__name__] += 1
            return None
        elapsed_s = time.monotonic() - began_s
        self.book.statuses[str(response.status_code)] += 1
        if response.status_code == httpx.codes.OK:
            self._tell(began_s, began_s + elapsed_s)
            answer: Json = response.json()
            return answer
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            self.book.refusals_s.append(elapsed_s)
        if response.status_code not in NO_ANSWER or "retry-after" not in response.headers:
            self.book.unexpected.append(f"{response.status_code} {response.text}")
        return None

    def _tell(self, began_s: float, ended_s: float) -> None:
        if self._watch is not None and began_s > self._watch[0] and not self._watch[1].done():
            self._watch[1].set_result(ended_s)


def make_order(event_id: str, customer_id: str) -> Json:
    """Of a few lines, the same for the same id: a repeat is no other order."""
    draw = random.Random(event_id)
    names = [f"item-{draw.randrange(ITEMS)}" for _ in range(draw.randint(1, 5))]
    products = [{"product_id": name, "price": 2.5, "quantity": 1} for name in names]
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": "order.completed",
        "subject": customer_id,
        "time": datetime.now(UTC).isoformat(),
        "data": {"order_id": event_id, "total": 12.5, "channel": "store", "products": products},
    }
