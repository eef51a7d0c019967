"""Servers under measurement: started on a free loopback port, awaited, always stopped."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOOPBACK = "127.0.0.1"
PERENNIAL = Path(sys.executable).with_name("perennial")
OURS = "PERENNIAL_"
POLL_S = 0.05
ASKING_S = 5.0
STOPPING_S = 20.0
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ServerFailed(RuntimeError):
    """A server ended or did not become ready; the message ends with its last words."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has answered its readiness path with 200."""

    host: str
    port: int
    pid: int


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def uvicorn_command(application: str, port: int, *, factory: bool = False) -> list[str]:
    """One worker on uvloop and httptools, logging neither requests nor start."""
    return [
        *(sys.executable, "-m", "uvicorn", application, *(["--factory"] if factory else [])),
        *("--host", LOOPBACK, "--port", str(port), "--workers", "1"),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ]


def server_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without its PERENNIAL_* settings, plus `settings`.

    Numeric libraries get one thread: more of them contend for the cores that the load runs on.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    at_once = {"PERENNIAL_DRAIN_SECONDS": "0"}  # nobody is to be led elsewhere before a stop
    return {**inherited, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **at_once, **settings}


@contextmanager
def serve(
    command: Sequence[str | Path],
    port: int,
    *,
    settings: Mapping[str, str],
    ready_path: str = "/readyz",
    ready_within_s: float = 60.0,
) -> Iterator[Server]:
    """Runs `command`, which is to listen on `port`, for as long as the block.

    Yields once `ready_path` answers 200. Raises ServerFailed.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=server_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_readiness(process, port, ready_path, ready_within_s, log)
            yield Server(LOOPBACK, port, process.pid)
        finally:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and SIGKILL to whoever has not ended by then."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOPPING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_readiness(process: "subprocess.Popen[bytes]", port: int, path: str, within_s: float, log: IO[str]) -> None:
    deadline = time.monotonic() + within_s
    while not _answers(port, path):
        if process.poll() is not None:
            raise ServerFailed(f"the server ended with code {process.returncode}: {_last_words(log)}")
        if time.monotonic() > deadline:
            raise ServerFailed(f"{path} was not ready within {within_s:g} s: {_last_words(log)}")
        time.sleep(POLL_S)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ASKING_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_words(log: IO[str], most_lines: int = 8) -> str:
    log.seek(0)
    return " / ".join(log.read().splitlines()[-most_lines:])


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads, without its children (10 ms steps)."""
    fields = _read_stat(pid)
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def children_cpu_seconds(pid: int) -> float:
    """User and system time of the children of a process that have ended, and of theirs."""
    fields = _read_stat(pid)
    return (int(fields[13]) + int(fields[14])) / CLOCK_TICKS_PER_S


def _read_stat(pid: int) -> list[str]:
    """From the third field of /proc/PID/stat on: the second is the program's name and may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def resident_mb(pid: int) -> float:
    """Memory that a process holds now, in MB (10^6 bytes)."""
    return _memory_mb(pid, "VmRSS")


def _memory_mb(pid: int, member: str) -> float:
    found = re.search(rf"^{member}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0  # a process that has ended holds none


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended well. `peak_mb` is the most its process held, `output` the last line it printed."""

    seconds: float
    peak_mb: float
    output: str


def run_command(command: Sequence[str | Path], settings: Mapping[str, str]) -> Ran:
    """Runs a command to its end. Raises ServerFailed when it fails."""
    with tempfile.TemporaryFile("w+") as log:
        began, peak_mb = time.monotonic(), 0.0
        process = subprocess.Popen(
            [str(word) for word in command],
            env=server_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                peak_mb = max(peak_mb, _memory_mb(process.pid, "VmHWM"))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
            seconds = time.monotonic() - began
        finally:
            stop(process)
        if process.returncode:
            raise ServerFailed(f"{command[0]} ended with code {process.returncode}: {_last_words(log)}")
        return Ran(seconds, peak_mb, _last_words(log, 1))
