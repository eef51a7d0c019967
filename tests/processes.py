"""The service as a process of its own, its log, and what its metrics say."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.database.engine import transaction
from app.http.auth import create_key

ROOT = Path(__file__).resolve().parent.parent
QUIET = {"sweep_minutes": 0, "monitoring_hours": 0, "offer_hours": 0, "audit_days": 0}
"""No work of its own accord: a service that outlives a test would do it on the tables of the next."""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@dataclass
class Process:
    """`perennial serve`, and the lines that it logs."""

    process: asyncio.subprocess.Process
    base: str
    log_file: Path

    def client(self, key=None, **options):
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.base, headers=headers, trust_env=False, **options)

    def lines(self):
        return [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]

    def workers(self):
        """Process ids of the children that are workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"app.runtime.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    async def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def starting(database_url, home, wait_until) -> AsyncIterator:
    """Gives a function that starts the service on a database; what is left running is killed."""
    started = []

    async def start(**settings):
        port = free_port()
        usual = {"database_url": database_url, "home": home, "identity_key": "tests", **QUIET}
        given = {**usual, "port": port, **settings}
        log_file = home / f"{port}.log"
        with log_file.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app", "serve"), env=environment(given), cwd=ROOT, stderr=log, stdout=log
            )
        found = Process(process, f"http://127.0.0.1:{port}", log_file)
        started.append(found)

        async def is_serving():
            assert process.returncode is None, log_file.read_text()
            async with found.client() as client:
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get("/readyz")).status_code == 200

        await wait_until(is_serving)
        return found

    try:
        yield start
    finally:
        for found in started:
            if found.process.returncode is None:
                found.process.kill()
                await found.process.wait()


def environment(settings):
    """Ours as they are given; nobody else's."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PERENNIAL_", "OTEL_"))}
    given = {name: value for name, value in settings.items() if value is not None}
    return others | {f"PERENNIAL_{name.upper()}": str(value) for name, value in given.items()}


async def make_key(engine):
    """A key of every scope."""
    async with transaction(engine) as connection:
        _, made = await create_key(connection, "processes", ("ingest", "read", "decide", "admin"), 1)
    return made


def is_running(pid):
    return Path(f"/proc/{pid}/cmdline").exists()


def sample(text, name):
    """The value of one series; labels as Prometheus' client writes them, in the order of their names."""
    (found,) = [line.rpartition(" ")[2] for line in text.splitlines() if line.rpartition(" ")[0] == name]
    return float(found)


def requests_in(text):
    """Answered `POST /v1/events`."""
    counts = re.findall(r'^http_server_request_duration_seconds_count\{.*"/v1/events".*\} (\S+)$', text, re.MULTILINE)
    return sum(map(float, counts))
