"""The embedded Postgres: whose it is, what survives what, and that nothing is left behind.

Run as root too: the temporary directories below are then root's alone (mode 0700), as a clone in
root's home is.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.database import embedded
from app.database.embedded import EmbeddedPostgresError, start_embedded

QUICK = {"fsync": "off", "shared_buffers": "16MB"}
REPOSITORY = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")

START_IN_OWNER = f"""
import sys
from pathlib import Path
from app.database.embedded import start_embedded
server = start_embedded(Path(sys.argv[1]), settings={QUICK!r})
print(server.pid, flush=True)
"""
WAIT = "sys.stdin.read()\n"


def ask(url, *statements):
    """The first value of the last statement."""

    async def run():
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            results = [await connection.execute(text(statement)) for statement in statements]
            value = results[-1].scalar() if results[-1].returns_rows else None
        await engine.dispose()
        return value

    return asyncio.run(run())


def living(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid):
    return [pid, *(child.pid for child in psutil.Process(pid).children())]


async def wait_until(condition):
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared") / "postgres"


@pytest.fixture
def home(shared):
    """One data directory for all tests, that they need not each wait for an initdb.

    Whatever a failed test leaves running on it is ended.
    """
    yield shared
    if (shared / "cluster" / "postmaster.pid").exists():
        start_embedded(shared, settings=QUICK).stop()


@pytest.fixture
def numbers(request):
    """Statements: one that keeps a 7 in a table of the test's own, one that reads it."""
    table = request.node.name
    return f"CREATE TABLE {table} AS SELECT 7 AS n", f"SELECT n FROM {table}"


@pytest.fixture
def other_process(home):
    """Makes a Python process that starts the server of `home` or attaches; gives it and the server's pid."""
    processes = []

    def start(then=WAIT):
        process = subprocess.Popen(
            [sys.executable, "-c", START_IN_OWNER + then, home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            start_new_session=True,
        )
        processes.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in processes:
        process.kill()
        process.communicate()


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
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=REPOSITORY, **pipes) for _ in range(3)]
    pids = {int(process.stdout.readline()) for process in processes}
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
        "import psutil\n"
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


def test_owner_and_server_killed_together(home, other_process, numbers):
    owner, postmaster = other_process()
    with start_embedded(home) as attached:
        ask(attached.url, numbers[0])
    children = family(postmaster)[1:]
    owner.kill()
    os.kill(postmaster, signal.SIGKILL)
    owner.wait()
    with start_embedded(home, settings=QUICK) as server:
        assert not any(living(pid) for pid in children)
        assert ask(server.url, numbers[1]) == 7


def test_a_busy_child_of_a_killed_server_is_ended(home, other_process):
    """It looks for its postmaster only when its statement ends, and until then no server can start."""
    owner, postmaster = other_process()
    with start_embedded(home) as attached:
        dsn = attached.url.replace("+asyncpg", "")

    async def leave_a_busy_child():
        connection, observer = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        busy = connection.get_server_pid()
        others = [child for child in family(postmaster)[1:] if child != busy]

        async def is_busy():
            query = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $1"
            return await observer.fetchval(query, busy)

        async def is_alone():
            return not any(living(child) for child in others)

        statement = asyncio.create_task(connection.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
        await wait_until(is_busy)
        owner.kill()
        os.kill(postmaster, signal.SIGKILL)
        await wait_until(is_alone)
        connection.terminate()
        observer.terminate()
        await asyncio.gather(statement, return_exceptions=True)
        return busy

    busy = asyncio.run(leave_a_busy_child())
    assert living(busy)
    with start_embedded(home, settings=QUICK) as server:
        assert not living(busy)
        assert ask(server.url, "SELECT 1") == 1


def test_stop_after_the_server_was_killed(home):
    server = start_embedded(home, settings=QUICK)
    processes = family(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    assert not any(living(pid) for pid in processes)


def test_a_stale_pid_file_that_names_another_program(home):
    """As after a restarted container, where the same small numbers are given again."""
    server = start_embedded(home, settings=QUICK)
    pid_file = home / "cluster" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    account = pid_file.stat().st_uid  # of other users' processes Postgres takes no notice
    innocent = subprocess.Popen(["sleep", "60"], user=account if os.geteuid() == 0 else None)
    pid_file.write_text("\n".join([str(innocent.pid), *lines[1:]]))
    with start_embedded(home, settings=QUICK) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert innocent.poll() is None
    innocent.kill()
    innocent.wait()


def test_a_first_start_that_was_interrupted(tmp_path):
    half_made = tmp_path / "postgres" / "cluster.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with start_embedded(tmp_path / "postgres", settings=QUICK) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_path_longer_than_a_socket_may_have(tmp_path):
    home = tmp_path / ("long" * 30) / ("longer" * 30)
    with start_embedded(home, settings=QUICK) as server:
        assert len(str(server.socket_directory / ".s.PGSQL.5432")) < 107
        assert ask(server.url, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(home):
    with pytest.raises(EmbeddedPostgresError, match=r"no_such_setting.*PERENNIAL_DATABASE_URL"):
        start_embedded(home, settings={**QUICK, "no_such_setting": "1"})


def test_a_missing_wheel_is_named(home, monkeypatch):
    monkeypatch.setattr(embedded, "WHEEL", "no-such-wheel")
    with pytest.raises(EmbeddedPostgresError, match=r"no-such-wheel.*PERENNIAL_DATABASE_URL"):
        start_embedded(home)


@needs_root
def test_root_runs_it_as_another_account_below_a_directory_of_its_own(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with start_embedded(private / "postgres", settings=QUICK) as server:
        assert psutil.Process(server.pid).uids().effective != 0
        assert ask(server.url, "SELECT count(*) > 500 FROM pg_timezone_names") is True
        assert ask(server.url, "SELECT count(*) > 0 FROM pg_file_settings") is True
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@needs_root
def test_root_with_the_wheel_below_a_directory_of_its_own(tmp_path, monkeypatch):
    site = tmp_path / "private" / "site-packages"
    site.parent.mkdir(mode=0o700)
    package = embedded._find_package()
    for part in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.parent / part, site / part)
    monkeypatch.syspath_prepend(site)
    with tempfile.TemporaryDirectory() as cache:
        Path(cache).chmod(0o755)
        monkeypatch.setattr(embedded, "BINARY_CACHE", Path(cache) / "perennial")
        for _ in range(2):
            with start_embedded(tmp_path / "postgres", settings=QUICK) as server:
                assert psutil.Process(server.pid).exe().startswith(cache)
                assert ask(server.url, "CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT 1") == 1
        assert len(list((Path(cache) / "perennial").iterdir())) == 1


@needs_root
def test_root_takes_a_cluster_that_it_copied(home, tmp_path, numbers):
    with start_embedded(home, settings=QUICK) as server:
        ask(server.url, numbers[0])
    copy = shutil.copytree(home, tmp_path / "copy")
    assert (copy / "cluster").stat().st_uid == 0
    with start_embedded(copy, settings=QUICK) as server:
        assert ask(server.url, numbers[1]) == 7
