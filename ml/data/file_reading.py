"""How a file of orders is read, whatever for: an import, a model and its judging take it alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from ml.data.leavings import count_lost
from ml.data.transactions import AS_TOLD, Reading, Say, UnusableTransactions, load_orders


@dataclass(frozen=True, slots=True)
class FileReading:
    """What the user says of a file. `columns` maps a meaning to the file's own name for it, `timezone` is that of times
    that carry none; `strict` refuses a file that loses lines."""

    timezone: str = "UTC"
    columns: Mapping[str, str | None] = field(default_factory=dict)
    reading: Reading = AS_TOLD
    strict: bool = False

    def load(self, connection: duckdb.DuckDBPyConnection, path: Path, *, source: str, currency: str, say: Say) -> None:
        """`load_orders` by it, to learn from. Raises UnusableTransactions."""
        load_orders(
            connection,
            path,
            source=source,
            currency=currency,
            timezone=self.timezone,
            reading=self.reading,
            say=say,
            **self.columns,
        )
        if self.strict:
            refuse_lost(connection, path, "learnt from it")


AS_IT_IS: Final = FileReading()
"""As names and values tell."""


def refuse_lost(connection: duckdb.DuckDBPyConnection, path: Path, done: str) -> None:
    """Raises UnusableTransactions where lines of the file that was loaded are left out; `done`: what is not."""
    if lost := count_lost(connection):
        lines = f"{lost:,} line{'s' * (lost > 1)}"
        raise UnusableTransactions(f"{path.name}: nothing is {done}, since {lines} would be left out (--strict)")
