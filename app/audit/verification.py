"""Whether the chain is as it was written: what was changed, left out or put in since, and where."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Final, NamedTuple

from app.audit.chain import BEGINNING, Chain, Link, Row
from app.audit.entries import Entry

CUT: Final = "perennial audit cut"
"""The operation of a row by which the service says up to which row it deleted what was old enough."""


class Finding(NamedTuple):
    """What is wrong at a place of the chain."""

    seq: int
    sentence: str


class Verdict:
    """What is known of a chain once all its rows were looked at."""

    def __init__(self, chain: Chain, *, is_whole: bool = True) -> None:
        """`is_whole` False: of the latest rows alone, so that what was before them is not missed."""
        self._is_whole = is_whole
        self.rows = self.unsealed = 0
        self.first: Link | None = None
        self.tip = BEGINNING
        self._chain = chain
        self._cuts: set[str] = set()
        self._begins_after: Link | None = None

    async def look(self, rows: AsyncIterable[Row]) -> AsyncIterator[Finding]:
        """What is wrong, in the order of the rows."""
        async for row in rows:
            for sentence in self._judge(row):
                yield Finding(row.seq, sentence)
            self.rows, self.tip = self.rows + 1, row.link
        begin = self._begins_after
        if self._is_whole and begin is not None and begin != BEGINNING and str(begin) not in self._cuts:
            yield Finding(begin.seq, f"Rows 1 to {begin.seq} are missing, and were not cut by the service.")

    def _judge(self, row: Row) -> list[str]:
        found = []
        is_sealed = self._chain.is_sealed(row)
        if not is_sealed:
            self.unsealed += 1
            found.append("It was changed, put in or moved: its seal is not of what it says there.")
        if self.rows == 0:
            self.first = row.link
            self._begins_after = Link(row.seq - 1, row.previous)
        elif row.seq != self.tip.seq + 1:
            missing = f"{self.tip.seq + 1} to {row.seq - 1}" if row.seq > self.tip.seq + 2 else f"{row.seq - 1}"
            found.append(f"Missing before it: {missing}.")
        elif row.previous != self.tip.hash:
            found.append("It does not follow the row before it: one of them was replaced.")
        if is_sealed and is_cut(row.entry) and row.entry.target is not None:
            self._cuts.add(row.entry.target)
        return found


def is_cut(entry: Entry) -> bool:
    """Whether a row tells of a cut; its target is the last row that was deleted, with its seal."""
    return entry.operation == CUT


def compare_tip(told: Link, found: Link | None, first: Link | None) -> str | None:
    """What a tip that was written down says of a chain: a sentence where the rows up to it are not as they were.

    `found`: the row of that place; `first`: the first that is left.
    """
    if found is not None:
        return None if found == told else f"Row {told.seq} is not the one that was written down."
    if first is not None and told.seq < first.seq:
        return None  # cut by the service, as the chain says or else is told of
    return f"Row {told.seq} was written down, and is missing: the end was cut off."


def read_link(text: str) -> Link:
    """`SEQ:HASH`, as a tip is told. Raises ValueError."""
    seq, _, seal = text.strip().partition(":")
    return Link(int(seq), bytes.fromhex(seal))
