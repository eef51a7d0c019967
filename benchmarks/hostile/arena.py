"""A service under its tills, and attackers beside them, each a process of its own: load is not to be slowed by them."""

import http.client
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.baskets import checkouts
from benchmarks.load import Load, run_load
from benchmarks.processes import PERENNIAL, ServerFailed, cpu_seconds, free_port, resident_mb, serve
from benchmarks.systems import Service

TILLS: Final = 32
STARTING_S: Final = 60.0
ENDING_S: Final = 10.0
_SPAWN: Final = multiprocessing.get_context("spawn")

Attack = Callable[..., None]
"""(port, …): attacks a service on loopback until its process is ended."""


@dataclass(frozen=True, slots=True)
class Arena:
    """`seconds` of each measurement, `rounds` of each comparison; a `short` one shows that scenarios work, no more."""

    service: Service
    seconds: float
    rounds: int
    short: bool

    @property
    def port(self) -> int:
        return self.service.server.port

    @property
    def resident_mb(self) -> float:
        return resident_mb(self.service.server.pid)

    def sell(self, number: int = 0, connections: int = TILLS) -> Load:
        """Checkouts in a closed loop."""
        requests = checkouts(self.port, api_key=self.service.api_key, seed=number)
        host = self.service.server.host
        return run_load(host, self.port, requests, connections=connections, seconds=self.seconds, warm_up_s=0.3)

    def compare(self, attack: Attack, *arguments: Any) -> "Compared":
        """Tills without and with an attack in turn, so that a slow moment meets both."""
        self.sell()
        before, during = [], []
        for number in range(self.rounds):
            before.append(self.sell(2 * number))
            with attacked(attack, self.port, *arguments):
                during.append(self.sell(2 * number + 1))
        return Compared(before, during)

    def load_of(self, attack: Attack, *arguments: Any) -> float:
        """The share of a core that an attack costs the service when nobody else asks, beyond what it spends idle."""
        idle_s = self._cpu_s()
        with attacked(attack, self.port, *arguments):
            return (self._cpu_s() - idle_s) / self.seconds

    def _cpu_s(self) -> float:
        """CPU time in so many seconds."""
        began_s = cpu_seconds(self.service.server.pid)
        time.sleep(self.seconds)
        return cpu_seconds(self.service.server.pid) - began_s

    def latencies_ms(self, path: str, seconds: float) -> list[float]:
        """How long each answer to a probe takes that asks on a connection of its own, as kubelets do; ten a second."""
        found, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            found.append(self.ask(path)[1])
            time.sleep(0.1)
        return found

    @contextmanager
    def limited(self, descriptors: int) -> Iterator["Arena"]:
        """Another process of the service on the same database, which may open so many files."""
        port = free_port()
        settings = {**self.service.settings, "PERENNIAL_PORT": str(port)}
        command = ["prlimit", f"--nofile={descriptors}:{descriptors}", str(PERENNIAL), "serve"]
        with serve(command, port, settings=settings) as server:
            yield replace(self, service=replace(self.service, server=server))

    def ask(self, path: str) -> tuple[int, float]:
        """Status, and milliseconds from connecting to the end of the answer."""
        began_s = time.perf_counter()
        status, _ = self._get(path)
        return status, (time.perf_counter() - began_s) * 1e3

    def read(self, path: str) -> bytes:
        """What is answered."""
        return self._get(path)[1]

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.service.server.host, self.port, timeout=ENDING_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Compared:
    """Tills before and during an attack, round by round."""

    before: list[Load]
    during: list[Load]

    @property
    def throughput(self) -> float:
        """During it over before, median of the rounds."""
        pairs = zip(self.during, self.before, strict=True)
        return median(during.throughput_per_s / before.throughput_per_s for during, before in pairs)

    @property
    def p99(self) -> float:
        """The same of the 99th percentile of answers."""
        return median(during.p99_ms / before.p99_ms for during, before in zip(self.during, self.before, strict=True))

    @property
    def errors(self) -> float:
        """The share of tills' requests that were not answered with 2xx while it was attacked, beyond that of before."""
        return max(0.0, _share_of_errors(self.during) - _share_of_errors(self.before))


@contextmanager
def attacked(attack: Attack, port: int, *arguments: Any) -> Iterator[None]:
    """An attacker in a process of its own, for as long as the block. Raises ServerFailed where it ended before."""
    has_begun = _SPAWN.Event()
    process = _SPAWN.Process(target=_begin, args=(has_begun, attack, port, *arguments), daemon=True)
    process.start()
    try:
        if not has_begun.wait(STARTING_S):  # what it loads before would take from the tills
            raise ServerFailed(f"the attacker {attack.__name__} does not start")
        time.sleep(1.0)
        yield
        if not process.is_alive():
            raise ServerFailed(f"the attacker {attack.__name__} ended by itself")
    finally:
        process.kill()
        process.join(ENDING_S)
        with suppress(ValueError):
            process.close()


def _begin(has_begun: Any, attack: Attack, port: int, *arguments: Any) -> None:
    has_begun.set()
    attack(port, *arguments)


def _share_of_errors(loads: list[Load]) -> float:
    return sum(sum(each.errors.values()) for each in loads) / sum(each.answers for each in loads)


def quantile_ms(latencies_ms: list[float], share: float) -> float:
    """A quantile of what probes took."""
    return float(np.quantile(latencies_ms, share))
