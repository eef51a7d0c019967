"""Who comes without a valid key: their own small share of the service, and an end to guessing.

A *share* lets in so many a second, whatever else is asked. The others wait their turn, addresses in turn, for as
long as somebody waits for an answer; then they are refused. To wait costs nothing, so that a flood on connections that
are kept is as slow as its share; to be refused at once would have it come again at once. Who has a valid key passes by.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.foundation.errors import NotReady, Overloaded, Problem, TooManyFailures, Unauthorized
from app.foundation.logs import log
from app.foundation.metrics import STRANGERS, WRONG_KEYS
from app.http.resources import Resources

WAIT_S: Final = 2.0
"""After which whoever waits for their turn is refused."""
TICK_S: Final = 0.01
MOST_WAITING: Final = 4096
BURST_S: Final = 1.0
"""A share that nobody used for so long is there at once; more is not saved up."""
WINDOW_S: Final = 60.0
"""In which failures are counted, and told of in one line of the log."""
MOST_ADDRESSES: Final = 10_000
"""Failures of more than these are counted together."""
UNAUTHORIZED: Final = 401
_REST: Final = ""

PARTS: Final[Mapping[str, float]] = {
    "probes": 2.5,
    "signed": 2.5,
    "others": 1.0,
    "console": 0.5,
    "readiness": 0.25,
    "documents": 0.25,
    "health": 0.1,
}
"""Of what strangers may ask for a second; each answer costs the more, the smaller its part."""
_BY_PATH: Final[Mapping[str, str]] = {
    "/livez": "probes",
    "/readyz": "readiness",
    **dict.fromkeys(("/v1/shopify", "/v1/woocommerce"), "signed"),
    **dict.fromkeys(("/health", "/metrics"), "health"),
}
_CONSOLE: Final = "/console"
_DOCUMENTS: Final = ("/openapi.json", "/docs", "/redoc", "/static-offline-docs/")


class Share:
    """So many a second, those of each address in turn."""

    def __init__(self, per_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._now = per_s, now
        self._most = max(1.0, per_s * BURST_S)
        self._left, self._since_s = self._most, now()
        self._waiting: dict[str, deque[tuple[float, asyncio.Future[bool]]]] = {}
        self.waiting = 0

    async def turn(self, address: str) -> bool:
        """Waits for it. False: there was none in time."""
        now_s = self._now()
        self._refill(now_s)
        if not self.waiting and self._left >= 1:
            self._left -= 1
            return True
        if self.waiting >= MOST_WAITING:
            return False
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.setdefault(address, deque()).append((now_s, future))
        if not self.waiting:
            loop.call_later(TICK_S, self._look)
        self.waiting += 1
        return await future

    def _refill(self, now_s: float) -> None:
        self._left = min(self._most, self._left + (now_s - self._since_s) * self._per_s)
        self._since_s = now_s

    def _look(self) -> None:
        """Lets in whose turn it is, and refuses who has waited too long."""
        now_s = self._now()
        self._refill(now_s)
        for address in tuple(self._waiting):
            while self._waiting.get(address) and now_s - self._waiting[address][0][0] > WAIT_S:
                self._answer(address, False)
        while self._left >= 1 and self._waiting:
            address = next(iter(self._waiting))
            self._left -= self._answer(address, True)
            if address in self._waiting:  # the others first
                self._waiting[address] = self._waiting.pop(address)
        if self.waiting:
            asyncio.get_running_loop().call_later(TICK_S, self._look)

    def _answer(self, address: str, is_let_in: bool) -> int:
        """How many have been let in by it: none where they had gone."""
        line = self._waiting[address]
        _, future = line.popleft()
        self.waiting -= 1
        if not line:
            del self._waiting[address]
        if future.done():
            return 0
        future.set_result(is_let_in)
        return int(is_let_in)


class Failures:
    """Wrong keys by address, in windows of a minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_address: Counter[str] = Counter()
        self._limited = 0
        self._ends_s = 0.0

    def count(self, address: str) -> None:
        """One more; the first of a window begins it."""
        WRONG_KEYS.add()
        if not self._by_address:
            self._ends_s = time.monotonic() + WINDOW_S
            asyncio.get_running_loop().call_later(WINDOW_S, self._end)
        is_known = address in self._by_address or len(self._by_address) < MOST_ADDRESSES
        self._by_address[address if is_known else _REST] += 1

    def are_too_many(self, address: str) -> bool:
        """Whether it has tried too many in this window."""
        return self._by_address.get(address, 0) >= self._most

    def refuse(self) -> TooManyFailures:
        """The answer to who goes on."""
        self._limited += 1
        return TooManyFailures(max(1, round(self._ends_s - time.monotonic())))

    def _end(self) -> None:
        """A line for all of them: counts alone, since addresses are personal data."""
        log.warning(
            "keys.refused",
            count=self._by_address.total(),
            addresses=len(self._by_address),
            limited=self._limited,
        )
        self._by_address.clear()
        self._limited = 0


class Strangers:
    """ASGI: lets valid keys by; others wait for their share, and cannot guess on."""

    def __init__(self, state: Any, app: ASGIApp, per_s: float, wrong_keys: int) -> None:
        """`state` is the application's: it has the resources once it serves."""
        self._state, self._app = state, app
        self._shares = {name: Share(per_s * part) for name, part in PARTS.items()}
        self._failures = Failures(wrong_keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        authorization = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
        if authorization is not None and self._is_known(authorization):
            await self._app(scope, receive, send)
            return
        address = (scope.get("client") or ("",))[0]
        refusal = await self._refusal(scope, address, authorization)
        if refusal is not None:
            await _close(refusal)(scope, receive, send)
        elif authorization is None:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, self._counting(address, send))

    def _is_known(self, authorization: bytes) -> bool:
        resources: Resources = self._state.resources
        return resources.keyring.knows(authorization)

    async def _refusal(self, scope: Scope, address: str, authorization: bytes | None) -> Problem | None:
        """Why they are not let in; None: they are."""
        name = share_of(scope["path"])
        if not await self._wait(scope, name, address):
            STRANGERS.add((name, "refused"))
            return Overloaded("More is asked without a valid key than is answered.")
        STRANGERS.add((name, "served"))
        if authorization is not None and self._failures.are_too_many(address) and not await self._is_new(authorization):
            return self._failures.refuse()
        return None

    async def _wait(self, scope: Scope, name: str, address: str) -> bool:
        connection = self._state.connections.find(scope.get("client"))
        if connection is None:
            return await self._shares[name].turn(address)
        connection.begin_waiting()
        try:
            return await self._shares[name].turn(address)
        finally:
            connection.end_waiting()

    async def _is_new(self, authorization: bytes) -> bool:
        """A valid key is never refused for what others tried: it may have been made just now."""
        resources: Resources = self._state.resources
        try:
            await resources.authorize(authorization, ())
        except Unauthorized:
            return False
        except NotReady:
            pass  # nobody can tell, which is what they will be told
        return True

    def _counting(self, address: str, send: Send) -> Send:
        async def count(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == UNAUTHORIZED:
                self._failures.count(address)
            await send(message)

        return count


def share_of(path: str) -> str:
    """The share that a path is of."""
    name = _BY_PATH.get(path)
    if name is None and path.startswith(_CONSOLE):
        return "console"
    return name or ("documents" if path.startswith(_DOCUMENTS) else "others")


def _close(problem: Problem) -> ASGIApp:
    answer = problem.response()
    answer.headers["connection"] = "close"
    return answer
