"""Looking after the embedded Postgres: whoever owns it starts it again when it ends, and says so.

The operating system kills what takes too much memory, and a disk may fail for a moment. A server that ends is started
again at once; one that cannot be kept running is given up, which `/health` and `/livez` say, so that whoever looks
after the service does.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from app.database.postgres_programs import EmbeddedPostgresError
from app.foundation.logs import log

MOST_FAILURES: Final = 5
"""So often in a row it may end within STEADY_SECONDS, or fail to start, before it is given up."""
STEADY_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 0.5
"""Before the second try in a row; each later one waits twice as long."""
LONGEST_PAUSE_SECONDS: Final = 5.0
LEAST_BYTES: Final = 64 * 2**20
"""With less space on its disk no server stays up: it is tried again until there is some."""
STOP_SECONDS: Final = 10.0
TOLD_SECONDS: Final = 3_600.0
"""For so long `/health` warns that it had to be started again."""
_NOTE: Final = "kept.json"

Start = Callable[[ExitStack], "subprocess.Popen[bytes]"]
"""Starts the server anew, and puts what stops it on the stack."""


class Keeping(NamedTuple):
    """What an owner has had to do. `restarted_at` in seconds since 1970; None: nothing."""

    owner: int = 0
    """Process id of whoever looks after it."""
    restarts: int = 0
    restarted_at: float | None = None
    is_given_up: bool = False


def read_keeping(home: Path) -> Keeping | None:
    """What the owner of the server in `home` says; None: nobody looks after one there."""
    try:
        kept = Keeping(**json.loads((home / _NOTE).read_bytes()))
        os.kill(kept.owner, 0)
    except (OSError, ValueError, TypeError):
        return None
    return kept


class Keeper:
    """Waits for the end of a server in a thread of its own, and starts it again."""

    def __init__(self, home: Path, process: "subprocess.Popen[bytes]", start: Start, resources: ExitStack) -> None:
        """`resources`: what stops the server that runs."""
        self._home = home
        self._process = process
        self._start = start
        self._resources = resources
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self._kept = Keeping(os.getpid())
        self._thread = threading.Thread(target=self._keep, name="embedded-postgres", daemon=True)

    def begin(self) -> None:
        """Looks after it from now on."""
        self._note()
        self._thread.start()

    def stop(self) -> None:
        """Stops the server, whichever it is by now."""
        self._stopping.set()
        with self._turn:
            self._resources.close()
        self._thread.join(STOP_SECONDS)
        (self._home / _NOTE).unlink(missing_ok=True)

    def _keep(self) -> None:
        failures, begun = 0, time.monotonic()
        while True:
            code = self._process.wait()
            if self._stopping.is_set():
                return
            failures = failures + 1 if time.monotonic() - begun < STEADY_SECONDS else 1
            is_full = shutil.disk_usage(self._home).free < LEAST_BYTES
            log.error("postgres.ended", code=code, failures=failures, is_disk_full=is_full)
            if failures > MOST_FAILURES and not is_full:
                self._give_up(failures)
                return
            pause_s = FIRST_PAUSE_SECONDS * 2 ** (failures - 2) if failures > 1 else 0.0
            if self._stopping.wait(min(pause_s, LONGEST_PAUSE_SECONDS)):
                return
            begun = time.monotonic()
            self._restart()

    def _restart(self) -> None:
        """Whether or not it comes up: one that does not is found to have ended."""
        with self._turn:
            if self._stopping.is_set():
                return
            self._resources.close()
            try:
                self._process = self._start(self._resources)
            except (OSError, psutil.Error, EmbeddedPostgresError, subprocess.SubprocessError) as error:
                log.error("postgres.unstarted", reason=type(error).__name__)
                return
        self._kept = self._kept._replace(restarts=self._kept.restarts + 1, restarted_at=time.time())
        self._note()
        log.warning("postgres.restarted", restarts=self._kept.restarts)

    def _give_up(self, failures: int) -> None:
        self._kept = self._kept._replace(is_given_up=True)
        self._note()
        log.error("postgres.given_up", failures=failures)

    def _note(self) -> None:
        """Whole or not at all: other processes read it at any time."""
        fresh = self._home / f"{_NOTE}.new"
        fresh.write_text(json.dumps(self._kept._asdict()))
        fresh.replace(self._home / _NOTE)
