"""The wheel's programs: found, or missed by name; run by another account where root started them.

Run as root too: the temporary directories below are then root's alone (mode 0700), as a clone in
root's home is.
"""

import shutil
import stat
import tempfile
from pathlib import Path

import psutil
import pytest

from app.database import postgres_programs
from app.database.embedded import start_embedded
from app.database.postgres_programs import EmbeddedPostgresError
from tests.database.servers import QUICK, ask, needs_root


def test_a_missing_wheel_is_named(home, monkeypatch):
    monkeypatch.setattr(postgres_programs, "WHEEL", "no-such-wheel")
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
    package = postgres_programs.find_package()
    for part in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.parent / part, site / part)
    monkeypatch.syspath_prepend(site)
    with tempfile.TemporaryDirectory() as cache:
        Path(cache).chmod(0o755)
        monkeypatch.setattr(postgres_programs, "BINARY_CACHE", Path(cache) / "perennial")
        for _ in range(2):
            with start_embedded(tmp_path / "postgres", settings=QUICK) as server:
                assert psutil.Process(server.pid).exe().startswith(cache)
                assert ask(server.url, "CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT 1") == 1
        assert len(list((Path(cache) / "perennial").iterdir())) == 1
