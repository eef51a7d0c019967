"""What the pages hold: fenced blocks with what is noted above them, headings, links.

A block may have one comment on the line above it, which a reader of the rendered page does not see:

    <!-- not run: REASON -->     it cannot be run here
    <!-- varies: a, b -->        of these members of the answer only the kind is compared; `figures`: of any number
    <!-- ends: 2 -->             the exit code of the commands, where it is not 0

The block after commands is their answer. `…` in it stands for what was left out: members of an object, items of a
list, the end of a text, a part of a line.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [path for path in PAGES if path.parent != ROOT / "docs" / "adr"]
COMMANDS = {"sh", "python", "sql"}
ANSWERS = {"json", "http", "text"}

_FENCE = re.compile(r"^( *)```(\S*)$")
_NOTE = re.compile(r"^ *<!-- (not run|varies|ends): (.+) -->$")


@dataclass
class Block:
    """One fenced block. `line` counts from 1; `answer` is the block that shows what the commands gave."""

    page: Path
    line: int
    language: str
    text: str
    note: tuple[str, str] = ("", "")
    answer: "Block | None" = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is commands, and can be run here."""
        return self.language in COMMANDS and self.note[0] != "not run"

    @property
    def varies(self) -> set[str]:
        """Members of which only the kind is compared."""
        return set(self.note[1].split(", ")) if self.note[0] == "varies" else set()

    @property
    def exit_code(self) -> int:
        """What the commands end with."""
        return int(self.note[1]) if self.note[0] == "ends" else 0


def read_blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order; answers are joined to their commands."""
    found: list[Block] = []
    lines = page.read_text().splitlines()
    opened: Block | None = None
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if opened is not None and fence is None:
            opened.text += line + "\n"
        elif opened is not None:
            assert fence is not None
            assert fence[2] == "", f"{opened}: a fence within a fence"
            _append(found, opened)
            opened = None
        elif fence is not None:
            note = _NOTE.match(lines[number - 2])
            opened = Block(page, number, fence[2], "", (note[1], note[2]) if note else ("", ""))
    assert opened is None, f"{opened} is not closed"
    return found


def _append(found: list[Block], block: Block) -> None:
    block.text = dedent(block.text)
    if block.language in ANSWERS and found and found[-1].language in COMMANDS and block.note[0] != "not run":
        found[-1].answer = block
    found.append(block)


def prose(page: Path) -> str:
    """The page without its fenced blocks; lines keep their numbers."""
    kept, is_open = [], False
    for line in page.read_text().splitlines():
        is_fence = _FENCE.match(line) is not None
        kept.append("" if is_fence or is_open else line)
        is_open ^= is_fence
    return "\n".join(kept)


def anchors(page: Path) -> set[str]:
    """What can be linked to in a page, as GitHub names headings."""
    found: set[str] = set()
    for title in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found


def links(page: Path) -> list[str]:
    """Targets of links and pictures that lead within the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in found if not re.match(r"[a-z]+:", target)]
