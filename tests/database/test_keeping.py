"""Whoever owns the embedded Postgres starts it again when it ends."""

import os
import signal
import time

import pytest
from sqlalchemy.exc import SQLAlchemyError

from app.database import keeping
from app.database.embedded import start_embedded
from app.database.keeping import read_keeping
from tests.database.servers import QUICK, ask, family, living


def wait_until(is_so, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.02)


def kept_in(home):
    kept = read_keeping(home)
    assert kept is not None
    return kept


def answers(server):
    try:
        return ask(server.url, "SELECT 1") == 1
    except (OSError, SQLAlchemyError):
        return False


def pid_of(home):
    try:
        return int((home / "cluster" / "postmaster.pid").read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT])
def test_a_server_that_was_ended_is_started_again_with_its_data(home, sig):
    with start_embedded(home, settings=QUICK) as server:
        ask(server.url, "DROP TABLE IF EXISTS numbers", "CREATE TABLE numbers AS SELECT 7 AS n")
        os.kill(server.pid, sig)
        wait_until(lambda: not living(server.pid))
        wait_until(lambda: answers(server))
        assert ask(server.url, "SELECT n FROM numbers") == 7
        kept = kept_in(home)
        assert (kept.owner, kept.restarts, kept.is_given_up) == (os.getpid(), 1, False)
        processes = family(pid_of(home))
    assert not any(living(pid) for pid in processes), "what was started again is stopped as well"
    assert read_keeping(home) is None


def test_one_that_does_not_stay_up_is_given_up(home, monkeypatch):
    monkeypatch.setattr(keeping, "FIRST_PAUSE_SECONDS", 0.01)
    with start_embedded(home, settings=QUICK) as server:
        control = home / "cluster" / "global" / "pg_control"
        content, owner = control.read_bytes(), control.stat()
        control.write_bytes(b"\0" * len(content))
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: kept_in(home).is_given_up)
        assert not answers(server)
        control.write_bytes(content)
        os.chown(control, owner.st_uid, owner.st_gid)
    with start_embedded(home, settings=QUICK) as server:
        assert answers(server)
        assert not kept_in(home).is_given_up


def test_one_that_has_no_disk_is_not_given_up(home, monkeypatch):
    monkeypatch.setattr(keeping, "LEAST_BYTES", 10**18)
    monkeypatch.setattr(keeping, "MOST_FAILURES", 1)
    monkeypatch.setattr(keeping, "LONGEST_PAUSE_SECONDS", 0.01)
    with start_embedded(home, settings=QUICK) as server:
        control = home / "cluster" / "global" / "pg_control"
        content, owner = control.read_bytes(), control.stat()
        control.write_bytes(b"\0" * len(content))
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: kept_in(home).restarts >= 3)
        control.write_bytes(content)
        os.chown(control, owner.st_uid, owner.st_gid)
        wait_until(lambda: answers(server))
        assert not kept_in(home).is_given_up


def test_failures_long_apart_are_not_in_a_row(home, monkeypatch):
    monkeypatch.setattr(keeping, "STEADY_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "MOST_FAILURES", 1)
    with start_embedded(home, settings=QUICK) as server:
        for times in (1, 2, 3):
            wait_until(lambda: answers(server))
            os.kill(pid_of(home), signal.SIGKILL)
            wait_until(lambda times=times: kept_in(home).restarts == times)


def test_a_note_of_a_process_that_is_no_more_says_nothing(home):
    home.mkdir(exist_ok=True)
    (home / "kept.json").write_text('{"owner": 4194304, "restarts": 1, "restarted_at": 1.0, "is_given_up": true}')
    assert read_keeping(home) is None
