"""The embedded Postgres: whose it is, what survives what, and that nothing is left behind."""

import os
import signal
import stat
import subprocess
import sys

import psutil
import pytest

from app.database.embedded import start_embedded
from app.database.postgres_programs import EmbeddedPostgresError
from tests.database.servers import QUICK, REPOSITORY, START_IN_OWNER, WAIT, ask, family, living


def test_data_outlives_a_restart_and_processes_do_not(home, numbers):
    with start_embedded(home, settings=QUICK) as server:
        ask(server.url, numbers[0])
        processes = family(server.pid)
        assert len(processes) > 3
        socket_directory = server.socket_directory
    assert not any(living(pid) for pid in processes)
    assert not socket_directory.exists()
    server.stop()

    with start_embedded(home, settings=QUICK) as server:
        assert server.owned
        assert ask(server.url, numbers[1]) == 7


def test_the_server_is_utc_utf8_durable_and_without_a_port(home):
    with start_embedded(home) as server:
        names = ("TimeZone", "server_encoding", "fsync", "synchronous_commit", "jit", "listen_addresses")
        settings = ", ".join(f"current_setting('{name}')" for name in names)
        assert ask(server.url, f"SELECT array[{settings}]") == ["UTC", "UTF8", "on", "on", "off", ""]
        assert ask(server.url, "SELECT lower('ÄÉ') || ('Z' < 'a')::text") == "äétrue"
        kinds = {connection.family.name for connection in psutil.Process(server.pid).net_connections("all")}
        assert kinds == {"AF_UNIX"}
        assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700


def test_a_named_database_is_created_once_and_settings_are_overridden(home):
    for _ in range(2):
        with start_embedded(home, database="own \"name'", settings=QUICK) as server:
            assert ask(server.url, "SELECT current_database()") == "own \"name'"
            assert ask(server.url, "SHOW fsync") == "off"
            assert ask(server.url_for("postgres"), "SELECT current_database()") == "postgres"


def test_the_second_process_attaches_and_leaves_the_server_running(home, other_process):
    with start_embedded(home, settings=QUICK) as server:
        attached, pid = other_process(then="assert not server.owned; server.stop()")
        assert attached.wait() == 0
        assert pid == server.pid
        assert ask(server.url, "SELECT 1") == 1


def test_the_same_process_may_attach_to_its_own_server(home):
    with start_embedded(home, settings=QUICK) as server:
        with start_embedded(home) as again:
            assert (again.owned, again.pid, again.url) == (False, server.pid, server.url)
        assert ask(server.url, "SELECT 1") == 1


def test_processes_that_start_together_share_one_server(home):
    command = [sys.executable, "-c", START_IN_OWNER + WAIT, home]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    pids = {int(process.stdout.readline()) for process in processes if process.stdout}
    assert len(pids) == 1
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert not living(pids.pop())


def test_an_attached_process_takes_over_when_the_owner_has_gone(home, other_process):
    owner, first = other_process()
    with start_embedded(home, settings=QUICK) as attached:
        assert not attached.owned
        owner.communicate()
        assert not living(first)
    with start_embedded(home, settings=QUICK) as server:
        assert server.owned


def test_an_owner_that_exits_without_stopping_leaves_nothing(other_process):
    owner, pid = other_process(then="sys.exit(3)")
    assert owner.wait() == 3
    assert not living(pid)


def test_a_fork_of_the_owner_does_not_stop_the_server(other_process):
    fork = "import os\nif os.fork() == 0: sys.exit()\nos.wait()\nprint('forked', flush=True)\n"
    owner, pid = other_process(then=fork + WAIT)
    assert owner.stdout.readline() == "forked\n"
    assert living(pid)
    owner.communicate()
    assert not living(pid)


def test_ctrl_c_reaches_the_server_only_after_the_service_has_drained(home, other_process):
    drain = (
        "import psutil, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs this behind nohup ignores it\n"
        "try: print('serving', flush=True); sys.stdin.read()\n"
        "except KeyboardInterrupt: print(psutil.pid_exists(server.pid) and 'drained', flush=True)\n"
        "sys.stdin.read()\n"
    )
    owner, pid = other_process(then=drain)
    assert owner.stdout.readline() == "serving\n"
    os.killpg(owner.pid, signal.SIGINT)
    assert owner.stdout.readline() == "drained\n"
    with start_embedded(home) as attached:
        assert attached.pid == pid
        assert ask(attached.url, "SELECT 1") == 1
    assert "shutdown" not in (home / "postgres.log").read_text().split("ready to accept connections")[-1]
    owner.communicate()
    assert not living(pid)


def test_a_killed_owner_leaves_a_server_that_the_next_one_takes_over(home, other_process, numbers):
    owner, orphan = other_process()
    with start_embedded(home) as attached:
        ask(attached.url, numbers[0])
    owner.kill()
    owner.wait()
    assert living(orphan)
    with start_embedded(home, settings=QUICK) as server:
        assert server.owned
        assert not living(orphan)
        assert ask(server.url, numbers[1]) == 7
        processes = family(server.pid)
    assert not any(living(pid) for pid in processes)


def test_a_server_that_cannot_start_says_why(home):
    with pytest.raises(EmbeddedPostgresError, match=r"no_such_setting.*PERENNIAL_DATABASE_URL"):
        start_embedded(home, settings={**QUICK, "no_such_setting": "1"})
