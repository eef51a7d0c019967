"""A worker whose event loop is stuck is told from one that is busy, leaves its stacks in the log, and is ended."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from app.runtime import supervisor
from app.runtime.pulse import BUSY_LOOKS, IDLE_LOOKS, Pulse, Work

STUCK = "import faulthandler, time\nfaulthandler.enable()\ndef wait_for_ever():\n    time.sleep(600)\nwait_for_ever()"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGABRT, signal.SIG_IGN)\nprint(flush=True)\ntime.sleep(600)"
BEATING = "import sys, time\nfor _ in range(20):\n    print(flush=True)\n    time.sleep(0.01)"


def looks_until_it_hangs(pulse):
    return next(count for count in range(1, 1000) if pulse.look())


def test_one_that_waits_for_nothing_hangs_sooner_than_one_that_computes():
    assert looks_until_it_hangs(Pulse(lambda: False)) == IDLE_LOOKS
    assert looks_until_it_hangs(Pulse(lambda: True)) == BUSY_LOOKS


def test_what_computes_now_and_then_is_let_be_as_long_as_what_computes():
    turns = iter([*[False] * (IDLE_LOOKS - 1), True] * BUSY_LOOKS)
    assert looks_until_it_hangs(Pulse(lambda: next(turns))) == BUSY_LOOKS


def test_one_that_is_heard_again_begins_anew():
    pulse = Pulse(lambda: False)
    for _ in range(IDLE_LOOKS - 1):
        assert not pulse.look()
    pulse.hear()
    assert looks_until_it_hangs(pulse) == IDLE_LOOKS


def test_work_is_told_from_waiting_and_from_what_was_stopped():
    ours = Work(os.getpid())
    assert ours()
    assert ours()  # it runs: this very line
    waiting = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1)
    assert waiting.stdout is not None
    try:
        os.read(waiting.stdout.fileno(), 1)
        work = Work(waiting.pid)
        while work():  # until it has come to wait
            pass
        waiting.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, waiting.pid, os.WSTOPPED)
        work()
        assert not work()
    finally:
        waiting.kill()
        waiting.communicate()
    assert Work(waiting.pid)()  # gone: nothing is known of it


@pytest.fixture
async def start(monkeypatch):
    """Starts a program in a worker's place, under a supervisor in a hurry; what is left of it is killed."""
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.03)
    monkeypatch.setattr(supervisor, "STACKS_SECONDS", 0.5)
    started = []

    async def start(program):
        command = sys.executable, "-c", program
        started.append(await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1))
        return started[-1]

    yield start
    for worker in started:
        if worker.returncode is None:
            worker.kill()
        await worker.communicate()


async def test_the_log_tells_where_a_worker_hung(start):
    worker = await start(STUCK)
    await supervisor.watch(worker, 0)
    assert await worker.wait() == -signal.SIGABRT
    assert b"in wait_for_ever" in await worker.stderr.read()


async def test_a_worker_that_does_not_heed_is_killed(start):
    worker = await start(STUBBORN)
    await worker.stdout.readline()
    await supervisor.watch(worker, 0)
    assert await worker.wait() == -signal.SIGKILL


async def test_a_worker_that_is_heard_is_let_be(start, monkeypatch):
    monkeypatch.setattr(supervisor, "end_hanging", None)
    worker = await start(BEATING)
    await supervisor.watch(worker, 0)
    assert await worker.wait() == 0
