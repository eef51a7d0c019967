"""Several workers on one socket, each a process with an event loop of its own.

uvicorn's own supervisor does not serve here: it makes workers of its own server class alone, which knows no
draining; it looks twice a second whether they live; and it holds the socket open while they drain, so that
clients connect to what nobody accepts. This one is told at once when a worker ends and starts another in
its place. The socket is shared: connections that wait in its queue outlive a worker. One that hangs is ended
(`app.runtime.pulse`): SIGABRT has it write to the log where each of its threads stands, and SIGKILL ends it if that did
not.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.foundation.errors import Refusal
from app.foundation.logs import log
from app.foundation.settings import Settings
from app.runtime.listening import keep_newcomers_out
from app.runtime.pulse import LOOK_SECONDS, Pulse, Work
from app.runtime.server import LONGEST_SECONDS, MOST_REST_SECONDS

BACKLOG: Final = 2048
KILL_SECONDS: Final = LONGEST_SECONDS + 4.5
LONGEST_PAUSE_S: Final = 30.0
LONGEST_START_S: Final = 300.0
"""After which a worker that does not serve yet hangs."""
STACKS_SECONDS: Final = 2.0
"""For a worker that hangs to write where it stands."""
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class WorkerFailed(Refusal):
    """A worker ended before it served; its own log says why."""


def supervise(settings: Settings, database_url: str, on_ready: Callable[[], None]) -> None:
    """Keeps `settings.workers` workers running until SIGINT or SIGTERM; then they drain, and it returns.

    `on_ready` is called once all of them serve. Raises WorkerFailed when one cannot be started.
    """
    before = {stop: signal.getsignal(stop) for stop in _STOPS}
    try:
        with tempfile.TemporaryDirectory(prefix="perennial-workers-") as directory, _bind(settings) as listening:
            environment = {**os.environ, "PERENNIAL_DATABASE_URL": database_url}
            asyncio.run(_Supervisor(settings, listening, Path(directory), environment).run(on_ready))
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        log.error("listen.failed", errno=error.errno)
        raise SystemExit(3) from error
    listening.listen(BACKLOG)
    return listening


async def watch(worker: asyncio.subprocess.Process, slot: int) -> None:
    """Ends a worker that hangs; returns when it says nothing any more because it has ended."""
    assert worker.stdout is not None
    pulse = Pulse(Work(worker.pid))
    while True:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                if not await worker.stdout.read(4096):
                    return
            pulse.hear()
        except TimeoutError:
            if pulse.look():
                await end_hanging(worker, slot, pulse.silent_s)
                return


async def end_hanging(worker: asyncio.subprocess.Process, slot: int, silent_s: float) -> None:
    """SIGABRT, at which it writes the stacks of its threads to the log, and SIGKILL where that does not end it."""
    log.error("worker.hangs", worker=slot, pid=worker.pid, silent_s=silent_s)
    for sign in (signal.SIGABRT, signal.SIGKILL):
        if worker.returncode is None:
            worker.send_signal(sign)
        try:
            await asyncio.wait_for(worker.wait(), STACKS_SECONDS)
        except TimeoutError:
            continue
        return


class _Supervisor:
    def __init__(
        self, settings: Settings, listening: socket.socket, directory: Path, environment: dict[str, str]
    ) -> None:
        self._settings = settings
        self._listening = listening
        self._directory = directory
        self._environment = environment
        self._stopping = asyncio.Event()
        self._workers: dict[int, asyncio.subprocess.Process] = {}

    async def run(self, on_ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        for stop in _STOPS:
            loop.add_signal_handler(stop, self._stopping.set)
        slots = range(self._settings.workers)
        try:
            are_ready = await asyncio.gather(*(self._start(slot) for slot in slots))
            if not all(are_ready) and not self._stopping.is_set():
                raise WorkerFailed("A worker could not be started; the log says why.")
            if not self._stopping.is_set():
                on_ready()
            keeping = [asyncio.create_task(self._keep(slot), name=f"worker {slot}") for slot in slots]
            await self._stopping.wait()
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
        finally:
            closing = asyncio.create_task(self._close(), name="close")
            await self._stop()
            await closing

    async def _start(self, slot: int) -> bool:
        """Starts a worker, and waits until it serves. False: it ended before that, or was ended for taking too long."""
        descriptor = self._listening.fileno()
        worker = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-X",
                "no_debug_ranges",
                "-m",
                "app.runtime.worker",
                str(slot),
                str(descriptor),
                str(self._directory),
            ),
            env=self._environment,
            pass_fds=(descriptor,),
            stdin=asyncio.subprocess.PIPE,  # its end tells a worker that nobody looks after it any more
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the supervisor, which tells them
        )
        self._workers[slot] = worker
        assert worker.stdout is not None
        try:
            return await asyncio.wait_for(worker.stdout.readline(), LONGEST_START_S) != b""
        except TimeoutError:
            await end_hanging(worker, slot, LONGEST_START_S)
            return False

    async def _keep(self, slot: int) -> None:
        """Replaces the worker of a place whenever it ends: at once, then ever later while it cannot start."""
        pause_s = 0.0
        while True:
            worker = self._workers[slot]
            watching = asyncio.create_task(watch(worker, slot), name=f"watch {slot}")
            try:
                code = await worker.wait()
            finally:
                watching.cancel()
            log.error("worker.ended", worker=slot, code=code)
            await asyncio.sleep(pause_s)
            try:
                is_ready = await self._start(slot)
            except OSError as error:  # no memory, no process to be had: the place stays ours to fill
                log.error("worker.unstarted", worker=slot, errno=error.errno)
                is_ready = False
            pause_s = 0.0 if is_ready else min(LONGEST_PAUSE_S, 2 * pause_s + 1.0)

    async def _close(self) -> None:
        """Lets nobody begin a connection once the workers have drained, and closes when they have let in who waited."""
        await asyncio.sleep(self._settings.drain_seconds if self._stopping.is_set() else 0)
        if keep_newcomers_out(self._listening.fileno()):
            await asyncio.sleep(MOST_REST_SECONDS)
        self._listening.close()

    async def _stop(self) -> None:
        running = [worker for worker in self._workers.values() if worker.returncode is None]
        for worker in running:
            worker.terminate()
        try:
            async with asyncio.timeout(KILL_SECONDS):
                await asyncio.gather(*(worker.wait() for worker in running))
        except TimeoutError:
            for worker in running:
                if worker.returncode is None:
                    log.error("worker.killed", pid=worker.pid)
                    worker.kill()
                    await worker.wait()
