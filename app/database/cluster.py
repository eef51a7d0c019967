"""The files and processes of one Postgres server: made, started, and ended with nothing left behind."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.database.postgres_programs import Programs, choose_account, reach_package, run_program

SUPERUSER = "perennial"
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Cluster:
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


def serve(cluster: Cluster, settings: Mapping[str, str], resources: ExitStack) -> subprocess.Popen[bytes]:
    """Needs the lock: whatever still runs on this cluster was left by an owner that is no more."""
    _end_processes(cluster)
    _clear_leftovers(cluster)
    programs = Programs(cluster.package)
    if os.geteuid() == 0:
        account = choose_account(cluster.directory)
        programs = Programs(reach_package(cluster.package, account), account)
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


def _initialise(cluster: Cluster, programs: Programs, options: Sequence[str]) -> None:
    """In a directory of its own, renamed when complete: a killed initdb leaves nothing that looks usable."""
    fresh = cluster.home / "cluster.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    programs.own(fresh)
    access = (f"--username={SUPERUSER}", "--auth-local=trust", "--auth-host=reject")
    # Postgres' own C.UTF-8 sorts and folds the same on every system, whatever locales it has.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    run_program(
        programs.command("initdb", "-D", programs.reach(fresh), *access, *locale, *options), **programs.place(fresh)
    )
    fresh.rename(cluster.directory)


def _launch(cluster: Cluster, programs: Programs, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
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


def _find_processes(cluster: Cluster) -> list[psutil.Process]:
    """Postmaster and children, not zombies, which have no command line."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and cluster.name in " ".join(process.info["cmdline"] or ())
    ]


def _end_processes(cluster: Cluster) -> None:
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


def _clear_leftovers(cluster: Cluster) -> None:
    """Postgres refuses to start when a pid in its lock files lives, whatever program has that pid by now."""
    if cluster.socket_directory.exists():
        shutil.rmtree(cluster.socket_directory)
    with suppress(psutil.NoSuchProcess):
        if cluster.pid and _is_alive(named := psutil.Process(cluster.pid)) and named.name() == "postgres":
            return  # started by hand, perhaps: Postgres decides, and says so in its log
    (cluster.directory / "postmaster.pid").unlink(missing_ok=True)


def _shut_down(cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
    _end_processes(cluster)
    process.wait(timeout=10)
    shutil.rmtree(cluster.socket_directory, ignore_errors=True)
