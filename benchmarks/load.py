"""A closed loop of HTTP requests on loopback: each connection sends when its last answer is whole.

A protocol on uvloop with httptools, not streams or an HTTP client: load that shares two cores with
the server under it must cost less than the server.
"""

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools
import numpy as np
import uvloop

from benchmarks.processes import cpu_seconds

MAX_CONNECTIONS = 512
MAX_SECONDS = 600.0
DRAINING_S = 30.0
MAX_DISCONNECTIONS = 100
DISCONNECTED = "disconnected"


class LoadFailed(RuntimeError):
    """The load could not be applied, so that there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured. Latencies are of every answer, throughput of the 2xx ones.

    `errors` counts other answers by status, and connections lost in the middle of a request.
    CPU is of one process for each answer; `client` is this one, the generator.
    """

    connections: int
    seconds: float
    answers: int
    throughput_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: dict[str, int]
    server_cpu_us: float | None
    client_cpu_us: float


def run_load(
    host: str,
    port: int,
    requests: Iterable[bytes],
    *,
    connections: int,
    seconds: float | None = None,
    warm_up_s: float = 0.0,
    server_pid: int | None = None,
) -> Load:
    """Sends whole HTTP/1.1 requests over `connections` keep-alive connections.

    Measures for `seconds` after `warm_up_s`; with no `seconds`, until the requests run out. Answers
    outstanding at the end are awaited, not measured. Raises ValueError for a host that is not a
    loopback address and for a load out of bounds, LoadFailed.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"load goes to loopback addresses only, not to {host}")
    if not 1 <= connections <= MAX_CONNECTIONS or not 0 < (seconds or MAX_SECONDS) <= MAX_SECONDS:
        raise ValueError(f"at most {MAX_CONNECTIONS} connections for {MAX_SECONDS:g} seconds")
    loop = _ClosedLoop(host, port, iter(requests))
    return uvloop.run(_measure(loop, connections, seconds, warm_up_s, server_pid))


@dataclass(frozen=True, slots=True)
class _Clocks:
    """Wall clock, CPU of this process and CPU of the server, in seconds."""

    wall_s: float
    client_s: float
    server_s: float

    def __sub__(self, earlier: "_Clocks") -> "_Clocks":
        return _Clocks(self.wall_s - earlier.wall_s, self.client_s - earlier.client_s, self.server_s - earlier.server_s)


@dataclass(slots=True)
class _Tally:
    latencies_s: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _ClosedLoop:
    """The state all connections share. `over` is set when the last of them has closed."""

    host: str
    port: int
    requests: Iterator[bytes]
    tally: _Tally = field(default_factory=_Tally)
    stopping: bool = False
    open_connections: int = 0
    disconnections: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str | None = None
    opening: set[asyncio.Task[None]] = field(default_factory=set)

    def next_request(self) -> bytes | None:
        """None when it is time to stop."""
        return None if self.stopping else next(self.requests, None)

    def open(self) -> None:
        self.open_connections += 1
        task = asyncio.get_running_loop().create_task(self._connect())
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)

    async def _connect(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: _Connection(self), self.host, self.port)
        except OSError as error:
            self.fail(f"{self.host}:{self.port} accepts no connection: {error}")
            self.close()

    def close(self) -> None:
        self.open_connections -= 1
        if not self.open_connections:
            self.over.set()

    def fail(self, reason: str) -> None:
        self.failure, self.stopping = reason, True

    def lose(self) -> None:
        """Counts a request that got no answer."""
        self.tally.errors[DISCONNECTED] += 1
        self.disconnections += 1
        if self.disconnections > MAX_DISCONNECTIONS:
            self.fail(f"the server closed {self.disconnections} connections without an answer")


class _Connection(asyncio.Protocol):
    def __init__(self, loop: _ClosedLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiting = self._complete = self._kept = self._done = False
        self._sent_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        request = self._loop.next_request()
        if request is None:
            self._done = True
            self._transport.close()
            return
        self._waiting, self._complete = True, False
        self._sent_s = time.perf_counter()
        self._transport.write(request)

    def on_message_complete(self) -> None:
        self._complete = True
        self._kept = self._parser.should_keep_alive()  # known only here: the parser starts anew after it

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._loop.fail(f"the answer is not HTTP: {error}")
            self._transport.abort()
            return
        if self._complete:
            self._record()
            if self._kept:
                self._send()
            else:
                self._transport.close()

    def _record(self) -> None:
        self._waiting = False
        tally, status = self._loop.tally, self._parser.get_status_code()
        tally.latencies_s.append(time.perf_counter() - self._sent_s)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            tally.errors[str(status)] += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        if self._waiting:
            self._loop.lose()
        if not self._done and not self._loop.stopping:  # the server closed it
            self._loop.open()
        self._loop.close()


async def _measure(
    loop: _ClosedLoop, connections: int, seconds: float | None, warm_up_s: float, server_pid: int | None
) -> Load:
    for _ in range(connections):
        loop.open()  # begins to send once this task waits: without a warm-up no answer is missed
    if warm_up_s:
        await _sleep_unless_over(loop, warm_up_s)
    tally, begin = _Tally(), _read_clocks(server_pid)
    loop.tally = tally
    await _sleep_unless_over(loop, seconds or MAX_SECONDS)
    end = _read_clocks(server_pid)
    loop.tally, loop.stopping = _Tally(), True
    await _sleep_unless_over(loop, DRAINING_S)
    answers = len(tally.latencies_s)
    if loop.failure or not loop.over.is_set() or not answers:
        raise LoadFailed(loop.failure or f"{answers} answers came, and not all that were asked for")
    return _summarise(tally, connections, end - begin, server_pid is not None)


def _summarise(tally: _Tally, connections: int, spent: _Clocks, server_known: bool) -> Load:
    answers = len(tally.latencies_s)
    refused = sum(count for status, count in tally.errors.items() if status != DISCONNECTED)
    p50_ms, p95_ms, p99_ms = (np.quantile(tally.latencies_s, (0.5, 0.95, 0.99)) * 1e3).tolist()
    return Load(
        connections=connections,
        seconds=spent.wall_s,
        answers=answers,
        throughput_per_s=(answers - refused) / spent.wall_s,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        errors=dict(tally.errors),
        server_cpu_us=spent.server_s / answers * 1e6 if server_known else None,
        client_cpu_us=spent.client_s / answers * 1e6,
    )


async def _sleep_unless_over(loop: _ClosedLoop, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(loop.over.wait(), seconds)


def _read_clocks(server_pid: int | None) -> _Clocks:
    server_s = 0.0 if server_pid is None else cpu_seconds(server_pid)
    return _Clocks(time.perf_counter(), time.process_time(), server_s)
