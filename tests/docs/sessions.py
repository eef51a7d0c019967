"""The commands of a page, run in one shell against a service of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.answers import differences, http_differences, read_shown, text_differences
from tests.docs.pages import ROOT, Block

SECONDS = 300
"""Far above what any page takes, on machines that are slow at times."""
_INTERPRETERS = {"python": f"'{sys.executable}' -", "sql": f"'{sys.executable}' -m tests.docs.sql"}


@dataclass(frozen=True)
class Session:
    """Where a page is run: the directory it stands in, the service, and what a reader would have at hand."""

    directory: Path
    url: str
    key: str
    database_url: str
    environment: Mapping[str, str]

    def fill_in(self, text: str) -> str:
        """The reader's own address, key and database, in place of the page's."""
        known = {
            "http://127.0.0.1:8000": self.url,
            "KEY=perennial_…": f"KEY={self.key}",
            "postgresql://perennial@db/perennial": self.database_url,
        }
        for written, own in known.items():
            text = text.replace(written, own)
        return text


def furnish(directory: Path, key: str, home: Path) -> None:
    """What a reader has at hand: a clone in which commands are run, a key, orders as a file, another model."""
    (directory / "var").mkdir(parents=True)
    (directory / "var" / "dev-api-key").write_text(f"{key}\n")
    for name in ("examples", "benchmarks", "deploy"):
        (directory / name).symlink_to(ROOT / name)
    for name in ("shop.csv", "elsewhere"):
        (directory / name).symlink_to(home / name)
    (directory / ".venv").symlink_to(Path(sys.prefix))


def run(blocks: list[Block], session: Session) -> Iterator[tuple[Block, int, str]]:
    """Each block that runs, its exit code and what it printed. Variables last to the end of the page."""
    blocks = [block for block in blocks if block.runs]
    outputs = session.directory / "outputs"
    outputs.mkdir()
    script = ["set -a", f"cd '{session.directory}'"]
    for index, block in enumerate(blocks):
        text = session.fill_in(block.text)
        if block.language in _INTERPRETERS:
            text = f"{_INTERPRETERS[block.language]} <<'END_OF_BLOCK'\n{text}END_OF_BLOCK\n"
        script.append(f"{{\n{text}}} >'{outputs}/{index}' 2>&1\necho $? >'{outputs}/{index}.code'")
    written = session.directory / "page.sh"
    written.write_text("\n".join(script))
    environment = {**os.environ, **session.environment, "PYTHONPATH": str(ROOT), "NO_PROXY": "*", "COLUMNS": "120"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    subprocess.run(["bash", str(written)], env=environment, timeout=SECONDS, check=False)
    for index, block in enumerate(blocks):
        code = outputs / f"{index}.code"
        if not code.exists():
            yield block, -1, "the shell ended here"
            return
        yield block, int(code.read_text()), (outputs / f"{index}").read_text()


def check(block: Block, code: int, came: str) -> Iterator[str]:
    """Where the page is wrong: the exit code, or the answer that it shows."""
    if code != block.exit_code:
        yield f"{block} ended with {code}: {came[:2000]}"
    if block.answer is None:
        return
    try:
        for difference in _compare(block.answer, came):
            yield f"{block.answer}: {difference}"
    except json.JSONDecodeError as error:
        yield f"{block.answer}: {error}; came {came[:2000]}"


def _compare(answer: Block, came: str) -> Iterator[str]:
    if answer.language == "json":
        return differences(read_shown(answer.text), json.loads(came), answer.varies)
    compare = http_differences if answer.language == "http" else text_differences
    return compare(answer.text, came, answer.varies)
