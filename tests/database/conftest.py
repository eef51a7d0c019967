"""One data directory for the tests of the embedded Postgres, and processes that own its server."""

import subprocess
import sys

import pytest

from app.database.embedded import start_embedded
from tests.database.servers import QUICK, REPOSITORY, START_IN_OWNER, WAIT


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
        assert process.stdout
        return process, int(process.stdout.readline())

    yield start
    for process in processes:
        process.kill()
        process.communicate()
