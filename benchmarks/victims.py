"""What can be killed (SIGKILL) and started again: the service's process, and a Postgres of its own."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import httpx
import psutil

from app.database.embedded import EmbeddedPostgres, start_embedded
from benchmarks.processes import LOOPBACK, PERENNIAL, free_port, server_environment, stop

ASKING_S = 2.0
GIVE_UP_S = 180.0
POLL_S = 0.005
CAUSES = 5
CAUSE_CHARACTERS = 2000
WORKER = "app.runtime.worker"
STARTED = '"service.started"'


class Victim(Protocol):
    """What is killed and started again."""

    def kill(self) -> None:
        """SIGKILL; nothing of it runs any more when this returns."""

    def start(self) -> None:
        """Starts it again."""


class Postgres:
    """An embedded server in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.start()

    @property
    def url(self) -> str:
        return self._server.url

    def start(self) -> None:
        self._server: EmbeddedPostgres = start_embedded(self._directory)
        if not self._server.owned:
            raise RuntimeError("another process runs the Postgres that is to be killed")

    def kill(self) -> None:
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()  # its children that have not noticed yet

    def close(self) -> None:
        self._server.stop()


class Service:
    """`perennial serve` on a port that stays the same; what is killed is one of its workers, drawn at random.

    The service itself replaces a worker. A service of one process is killed whole, and started by us.
    """

    def __init__(
        self, database_url: str, home: Path, workers: int, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self._workers = workers
        self._log = home / "service.log"
        self._draw = random.Random(workers)
        self._environment = server_environment(
            {
                "PERENNIAL_DATABASE_URL": database_url,
                "PERENNIAL_HOME": str(home),
                "PERENNIAL_PORT": str(port),
                "PERENNIAL_WORKERS": str(workers),
                **settings,
            }
        )

    @property
    def log(self) -> str:
        """What it said."""
        return self._log.read_text(errors="replace")

    def print_causes(self) -> None:
        """What it said of exceptions, so much of each, each once."""
        causes = {line[-CAUSE_CHARACTERS:] for line in self.log.splitlines() if '"exception"' in line}
        print("the service's log:", *sorted(causes)[:CAUSES], sep="\n    ")

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A `perennial` command on the same database."""
        words = [str(PERENNIAL), *command]
        return subprocess.run(words, env=self._environment, check=False, capture_output=True, text=True)

    def launch(self) -> None:
        """Starts it, without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([PERENNIAL, "serve"], env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        self._started = self._count_started()
        if self._workers == 1:
            self._process.kill()
            self._process.wait()
            return
        children = psutil.Process(self._process.pid).children()
        worker = self._draw.choice([child for child in children if WORKER in child.cmdline()])
        worker.kill()
        worker.wait(GIVE_UP_S)

    def start(self) -> None:
        """Returns when as many serve as before the kill. Raises TimeoutError."""
        if self._workers == 1:
            self.launch()
        self._await(lambda: self._count_started() > self._started)

    def close(self) -> None:
        stop(self._process)

    def forget(self) -> None:
        """Empties the log, by which starts are counted."""
        self._log.write_bytes(b"")

    def await_readiness(self) -> None:
        """Raises TimeoutError."""
        self._await(lambda: self._count_started() >= self._workers and _is_ready(self.url))

    def _count_started(self) -> int:
        return self.log.count(STARTED)

    def _await(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + GIVE_UP_S
        while not is_so():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"the service did not become ready: {self.log[-2000:]}")
            time.sleep(POLL_S)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=ASKING_S, trust_env=False).is_success
    except httpx.TransportError:
        return False
