"""What probes and a few tills see while others flood the service: a process of its own asks now and then."""

import http.client
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

ASKED: Final = ("/livez", "/readyz")
EVERY_S: Final = 0.05
GIVE_UP_S: Final = 10.0


@dataclass(slots=True)
class Probed:
    """Path → seconds of each answer, on a connection of its own each, and how many were no 200."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {path: [] for path in ASKED})
    failures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ASKED, 0))

    def worst_ms(self, path: str) -> float:
        return max(self.seconds[path], default=float("nan")) * 1e3


@contextmanager
def probing(host: str, port: int) -> Iterator[Probed]:
    """Asks until the block ends; what was found is there then."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_probe, args=(theirs, host, port), daemon=True)
    process.start()
    ours.recv()  # it has been loaded: its start is none of the load
    found = Probed()
    try:
        yield found
    finally:
        ours.send(None)
        seen: Probed = ours.recv()
        found.seconds, found.failures = seen.seconds, seen.failures
        process.join()


def _probe(pipe: "Connection[object, object]", host: str, port: int) -> None:
    found = Probed()
    pipe.send(None)
    while not pipe.poll(EVERY_S):
        for path in ASKED:
            began_s = time.perf_counter()
            status = ask(host, port, path)
            found.seconds[path].append(time.perf_counter() - began_s)
            found.failures[path] += status != http.client.OK
    pipe.recv()
    pipe.send(found)


def ask(host: str, port: int, path: str) -> int | None:
    """The status of a GET on a new connection; None: no answer."""
    connection = http.client.HTTPConnection(host, port, timeout=GIVE_UP_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
