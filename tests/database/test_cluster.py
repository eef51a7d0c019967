"""What a server that was killed, moved or cut short leaves behind stops none that comes after it."""

import asyncio
import os
import shutil
import signal
import subprocess

import asyncpg

from app.database.embedded import start_embedded
from tests.database.servers import QUICK, ask, family, living, needs_root


async def wait_until(condition):
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


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


@needs_root
def test_root_takes_a_cluster_that_it_copied(home, tmp_path, numbers):
    with start_embedded(home, settings=QUICK) as server:
        ask(server.url, numbers[0])
    copy = shutil.copytree(home, tmp_path / "copy")
    assert (copy / "cluster").stat().st_uid == 0
    with start_embedded(copy, settings=QUICK) as server:
        assert ask(server.url, numbers[1]) == 7
