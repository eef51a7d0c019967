"""More requests than can be served, on loopback: open loops at a rate, and closed ones over thousands of connections.

A protocol that reads no more of an answer than its status and length: the generator shares the cores with what it
overloads. Nobody waits before asking again, whatever `Retry-After` says, as the worst of clients do.
"""

import asyncio
import ipaddress
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, cast

import numpy as np
import uvloop

from benchmarks.processes import cpu_seconds

MAX_CONNECTIONS: Final = 10_000
MAX_SECONDS: Final = 60.0
OPENING_AT_ONCE: Final = 200
TICK_S: Final = 0.005
DRAINING_S: Final = 5.0
LOST: Final = "lost"
_OK: Final = b"200"


@dataclass(slots=True)
class Flooded:
    """What came of a flood. Latencies (s) by status, of answers to what was sent while it was measured.

    `unsent`, of an open loop: requests for which no connection was free.
    """

    seconds: float
    latencies_s: dict[str, list[float]] = field(default_factory=dict)
    unsent: int = 0
    lost: int = 0
    server_cpu_s: float = 0.0

    @property
    def good_per_s(self) -> float:
        """Answers 200 a second."""
        return len(self.latencies_s.get("200", ())) / self.seconds

    @property
    def refused_per_s(self) -> float:
        """Other answers a second."""
        return sum(len(times) for status, times in self.latencies_s.items() if status != "200") / self.seconds

    def quantile_ms(self, share: float, *, good: bool = True) -> float:
        """Of the answers 200, or of the others."""
        times = [each for status, times in self.latencies_s.items() if (status == "200") is good for each in times]
        return float(np.quantile(times, share)) * 1e3 if times else float("nan")

    def statuses(self) -> Counter[str]:
        """Answers by status."""
        return Counter({status: len(times) for status, times in self.latencies_s.items()})


def run_flood(
    host: str,
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    warm_up_s: float = 1.0,
    rate_per_s: float | None = None,
    server_pid: int | None = None,
) -> Flooded:
    """A closed loop over so many connections, or an open one at `rate_per_s` over at most as many.

    Raises ValueError for what is no loopback address, and beyond the bounds.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"a flood goes to loopback addresses only, not to {host}")
    if not 1 <= connections <= MAX_CONNECTIONS or not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"at most {MAX_CONNECTIONS} connections for {MAX_SECONDS:g} seconds")
    return uvloop.run(_flood(_Flood(host, port, requests), connections, seconds, warm_up_s, rate_per_s, server_pid))


class _Flood:
    def __init__(self, host: str, port: int, requests: Iterator[bytes]) -> None:
        self.host, self.port, self.requests = host, port, requests
        self.is_open_loop = self.is_over = False
        self.idle: deque[_Connection] = deque()
        self.connections: set[_Connection] = set()
        self.counted_from_s = self.counted_until_s = float("inf")
        self.found = Flooded(0.0)
        self._opening = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open(self) -> None:
        async with self._opening:
            try:
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: _Connection(self), self.host, self.port)
            except OSError:
                self.found.lost += 1

    def count(self, status: bytes, sent_s: float, now_s: float) -> None:
        if self.counted_from_s <= sent_s < self.counted_until_s:
            self.found.latencies_s.setdefault(status.decode(), []).append(now_s - sent_s)


class _Connection(asyncio.Protocol):
    def __init__(self, flood: _Flood) -> None:
        self._flood = flood
        self.transport: asyncio.Transport
        self._read = b""
        self._sent_s = 0.0
        self.waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._flood.connections.add(self)
        self._next()

    def _next(self) -> None:
        if self._flood.is_open_loop:
            self._flood.idle.append(self)
        elif not self._flood.is_over:
            self.send(time.perf_counter())

    def send(self, due_s: float) -> None:
        self._sent_s, self.waits = due_s, True
        self.transport.write(next(self._flood.requests))

    def data_received(self, data: bytes) -> None:
        answer = self._read = self._read + data if self._read else data
        head = answer.find(b"\r\n\r\n")
        at = answer.find(b"content-length: ", 0, head)
        if head < 0 or len(answer) < head + 4 + int(answer[at + 16 : answer.index(b"\r", at)]):
            self._read = answer
            return
        self._read, self.waits = b"", False
        self._flood.count(answer[9:12], self._sent_s, time.perf_counter())
        if answer.find(b"connection: close", 0, head) < 0:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        flood = self._flood
        flood.connections.discard(self)
        flood.found.lost += self.waits
        if not flood.is_over:
            asyncio.get_running_loop().create_task(flood.open())


async def _flood(
    flood: _Flood,
    connections: int,
    seconds: float,
    warm_up_s: float,
    rate_per_s: float | None,
    server_pid: int | None,
) -> Flooded:
    flood.is_open_loop = rate_per_s is not None
    await asyncio.gather(*(flood.open() for _ in range(connections)))
    begin_s = time.perf_counter() + warm_up_s
    sending = None if rate_per_s is None else asyncio.create_task(_send_at(flood, rate_per_s))
    await asyncio.sleep(warm_up_s)
    flood.found = Flooded(seconds)
    cpu_s = 0.0 if server_pid is None else cpu_seconds(server_pid)
    flood.counted_from_s, flood.counted_until_s = begin_s, begin_s + seconds
    await asyncio.sleep(seconds)
    flood.found.server_cpu_s = 0.0 if server_pid is None else cpu_seconds(server_pid) - cpu_s
    flood.is_over = True
    if sending is not None:
        sending.cancel()
    await _drain(flood)
    return flood.found


async def _send_at(flood: _Flood, rate_per_s: float) -> None:
    """What is due goes every few milliseconds; what finds no connection is as good as refused."""
    due_s, gap_s = time.perf_counter(), 1 / rate_per_s
    while True:
        now_s = time.perf_counter()
        while due_s <= now_s:
            if flood.idle:
                flood.idle.popleft().send(due_s)
            elif due_s >= flood.counted_from_s:
                flood.found.unsent += 1
            due_s += gap_s
        await asyncio.sleep(TICK_S)


async def _drain(flood: _Flood) -> None:
    """Waits for the last answers, for a while; what has none by then is late beyond use."""
    until_s = time.perf_counter() + DRAINING_S
    while any(each.waits for each in flood.connections) and time.perf_counter() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(TICK_S)
    for each in list(flood.connections):
        each.transport.abort()
