"""What is installed is whole: the wheel carries the templates of the report and of the console."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_carries_the_templates(tmp_path):
    """Built from a copy: a build leaves its own directories behind."""
    copy = tmp_path / "source"
    for package in ("app", "ml"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path]
    subprocess.run([*build, copy], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    holding = (ROOT / "ml/report/templates", ROOT / "app/console/templates", ROOT / "app/console/static")
    templates = {path.relative_to(ROOT).as_posix() for directory in holding for path in directory.iterdir()}
    assert len(templates) > 3 * len(holding)
    assert templates <= set(zipfile.ZipFile(wheel).namelist())
