"""A till's side of `POST /v1/checkouts`: a sale never waits for long, and nothing sold is forgotten.

    python -m examples.till --url http://127.0.0.1:8000 --key perennial_… --customer C-1001 --total 128.50

docs/guides/till.md tells why it is done so.
"""

import argparse
import asyncio
import logging
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import httpx

from examples.outbox import Outbox, Sale

RETRY_LEAST_S, RETRY_MOST_S = 0.5, 60.0
DRAIN_TIMEOUT_S = 10.0  # nobody waits for these
REPEATABLE_4XX = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)

log = logging.getLogger("till")

Event = dict[str, Any]


class Unanswered(Exception):
    """Nobody knows whether it was counted: send the same again, not before `after_s`."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Refused(Exception):
    """It will never be taken as it is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the till acts on. `queued`: the sale is safe here and goes later; `unsaved`: not even that."""

    status: Literal["accepted", "duplicate", "queued", "refused", "unsaved"]
    actions: tuple[Mapping[str, Any], ...] = ()
    degraded: bool = False
    in_control_group: bool = False

    def titles(self, now: datetime) -> list[str]:
        """What to print or show at `now`, the most important first."""
        return [each["title"] for each in self.actions if datetime.fromisoformat(each["expires_at"]) > now]


def make_order(source: str, order_id: str, total: Decimal, customer_id: str | None = None, **data: Any) -> Event:
    """The event of a sale just made, once a sale: a new call makes a new id, and so another sale."""
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": source,
        "type": "order.completed",
        "time": datetime.now(UTC).isoformat(),
        "data": {"order_id": order_id, "total": float(total), "channel": "store", **data},
    }
    return event if customer_id is None else {**event, "subject": customer_id}


class Till:
    """Sends sales, and from a thread of its own those that got no answer.

    A sale waits `deadline_s`, which the service is told, and `margin_s` for the way there and back.
    """

    def __init__(self, url: str, key: str, outbox: Path, *, deadline_s: float = 0.3, margin_s: float = 0.3) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(base_url=url, headers=headers, timeout=DRAIN_TIMEOUT_S)
        self.outbox = Outbox(outbox)
        self._deadline_ms, self._patience_s = max(1, int(deadline_s * 1000)), deadline_s + margin_s
        self._selling: set[int] = set()
        self._failures, self._due_s = 0, 0.0
        self._wake = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._work, name="till", daemon=True)
        self._thread.start()
        self._started.wait()

    def __enter__(self) -> "Till":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What is left in the outbox goes when a till is made on it again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._draining.cancel)
            self._thread.join(DRAIN_TIMEOUT_S)
        self.outbox.close()

    def check_out(self, event: Event, *, max_actions: int = 1) -> Outcome:
        """Keeps the sale, sends it, and stops waiting in time. No failure of service or network is raised."""
        try:
            number = self._keep(event)
        except Refused:
            return Outcome("refused")
        if not self._thread.is_alive():
            return _unheard(number)
        wish = {"event": event, "max_actions": max_actions, "deadline_ms": self._deadline_ms}
        selling: Future[Outcome] = asyncio.run_coroutine_threadsafe(self._sell(wish, number), self._loop)
        try:
            return selling.result(2 * self._patience_s)  # later than its own limit, should the thread be late
        except (TimeoutError, CancelledError):
            return _unheard(number)

    def requeue(self) -> None:
        """Sends what was refused again."""
        self.outbox.requeue()
        self._loop.call_soon_threadsafe(self._go_on)

    def _keep(self, event: Event) -> int | None:
        """On disk before anybody is asked, so that a power cut while waiting loses nothing."""
        try:
            number = self.outbox.add(event)
        except (TypeError, ValueError) as error:
            log.exception("a sale is no JSON")
            raise Refused("no JSON") from error
        except sqlite3.Error:
            log.exception("a sale could not be kept")
            return None
        self._selling.add(number)
        return number

    async def _sell(self, wish: dict[str, Any], number: int | None) -> Outcome:
        try:
            answer = await self._ask(wish, self._patience_s)
            with suppress(sqlite3.Error):  # then it is sent again, and is a duplicate
                self._settle(number)
        except Unanswered as error:
            if not self._failures:
                self._put_off(error)
            return _unheard(number)
        except Refused as error:
            with suppress(sqlite3.Error):  # then it is sent again, and refused again
                self._settle(number, str(error))
            return Outcome("refused")
        finally:
            self._selling.discard(number or 0)
            self._wake.set()
        self._go_on()
        decision = answer["decision"]
        actions = tuple(decision["actions"])
        return Outcome(answer["event"]["status"], actions, decision["degraded"], decision["in_control_group"])

    async def _ask(self, wish: dict[str, Any], within_s: float) -> dict[str, Any]:
        """One attempt. Raises Unanswered and Refused."""
        try:
            async with asyncio.timeout(within_s):  # in all: the client's own limit is for each read
                return _read(await self._client.post("/v1/checkouts", json=wish))
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unanswered(type(error).__name__) from error

    def _settle(self, number: int | None, refusal: str | None = None) -> None:
        if number is None:
            return
        if refusal is None:
            self.outbox.remove(number)
        else:
            log.error("a sale is refused: %s", refusal)
            self.outbox.set_aside(number, refusal)

    def _work(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._drain())

    async def _drain(self) -> None:
        self._loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._draining = task
        self._started.set()
        async with self._client:
            while True:
                sale = self._next_sale()
                wait_s = RETRY_MOST_S if sale is None else self._due_s - time.monotonic()
                if sale is None or wait_s > 0:
                    await self._sleep(wait_s)
                else:
                    await self._deliver(sale)

    def _next_sale(self) -> Sale | None:
        try:
            return self.outbox.next_waiting(self._selling)
        except sqlite3.Error:
            log.exception("the outbox cannot be read")
            return None

    async def _deliver(self, sale: Sale) -> None:
        """Asks for no action: nobody stands at the till any more, and what is offered cools down."""
        try:
            try:
                await self._ask({"event": sale.event, "max_actions": 0}, DRAIN_TIMEOUT_S)
            except Refused as error:
                self._settle(sale.number, str(error))
            else:
                self._settle(sale.number)
            self._go_on()
        except (Unanswered, sqlite3.Error) as error:
            self._put_off(error)
            with suppress(sqlite3.Error):
                self.outbox.count_attempt(sale.number)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until there is news."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _put_off(self, error: Exception) -> None:
        """Doubles the pause, and draws it at random: else all tills of a chain come back at the same moment."""
        self._failures += 1
        most_s = min(RETRY_MOST_S, RETRY_LEAST_S * 2 ** min(self._failures, 10))
        least_s = min(error.after_s, RETRY_MOST_S) if isinstance(error, Unanswered) else 0.0
        self._due_s = time.monotonic() + least_s + random.uniform(0, most_s)  # noqa: S311 - no secret
        log.warning("sales wait: %s", error)

    def _go_on(self) -> None:
        self._failures, self._due_s = 0, 0.0
        self._wake.set()


def _unheard(number: int | None) -> Outcome:
    return Outcome("unsaved" if number is None else "queued")


def _read(response: httpx.Response) -> dict[str, Any]:
    """The answer, if it is the service's own: the shop's proxy or wireless network may say 200 and 403 too.

    Raises Refused for a problem that stays, Unanswered for everything else.
    """
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if response.is_client_error and media_type == "application/problem+json":
        if response.status_code not in REPEATABLE_4XX:
            raise Refused(f"{response.status_code} {response.text}")
    elif response.status_code == httpx.codes.OK:
        with suppress(ValueError, KeyError, TypeError):
            answer: dict[str, Any] = response.json()
            if answer["event"]["status"] in ("accepted", "duplicate"):
                return answer
    after = response.headers.get("retry-after", "")
    raise Unanswered(f"status {response.status_code}", float(after) if after.isdecimal() else 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Send a sale as a till does, and those that wait.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True, help="a key with the scopes ingest and decide")
    parser.add_argument("--outbox", type=Path, default=Path("till.sqlite"))
    parser.add_argument("--source", default="/pos/store-1/till-1")
    parser.add_argument("--customer", help="none: a sale to nobody in particular")
    parser.add_argument("--total", type=Decimal, help="none: only send what waits")
    parser.add_argument("--order-id", help="the receipt's number")
    parser.add_argument("--wait", type=float, default=5.0, help="seconds to go on sending what waits")
    given = parser.parse_args()
    with Till(given.url, given.key, given.outbox) as till:
        if given.total is not None:
            order_id = given.order_id or f"R-{time.time_ns()}"
            outcome = till.check_out(make_order(given.source, order_id, given.total, given.customer))
            print(outcome.status, *outcome.titles(datetime.now(UTC)), sep="\n")
        deadline_s = time.monotonic() + given.wait
        while (waiting := till.outbox.count_waiting()) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        print(f"{waiting} wait, {len(till.outbox.refusals())} refused")


if __name__ == "__main__":
    main()
