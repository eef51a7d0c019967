"""Sales that the service has not confirmed yet, in a SQLite file that survives a power cut."""

import json
import sqlite3
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

BUSY_S = 0.2
"""How long a write waits for another process on the same file: a sale waits for it."""

# In WAL mode FULL syncs at every commit; the usual NORMAL may lose the last sales in a power cut.
PREPARE = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS sales (
    number INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    refusal TEXT
);
"""
# Fewest attempts first: in order while all goes well, and one sale that always fails holds up no other.
WAITING = "SELECT number, event, attempts FROM sales WHERE refusal IS NULL ORDER BY attempts, number LIMIT ?"


class Sale(NamedTuple):
    """A row that waits to be sent."""

    number: int
    event: dict[str, Any]
    attempts: int


class Outbox:
    """For several threads, and for several processes: at worst two of them send the same sale, which counts once.

    Every method raises sqlite3.Error when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        self._connection.executescript(PREPARE)

    def _run(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with self._lock:
            return self._connection.execute(statement, values)

    def add(self, event: dict[str, Any]) -> int:
        """The number under which it is kept, on disk when this returns. Raises TypeError and ValueError for no JSON."""
        number = self._run("INSERT INTO sales (event) VALUES (?)", json.dumps(event, allow_nan=False)).lastrowid
        assert number is not None
        return number

    def remove(self, number: int) -> None:
        self._run("DELETE FROM sales WHERE number = ?", number)

    def count_attempt(self, number: int) -> None:
        self._run("UPDATE sales SET attempts = attempts + 1 WHERE number = ?", number)

    def set_aside(self, number: int, refusal: str) -> None:
        """Keeps it, with the reason, and offers it no more: sending it again as it is would not help."""
        self._run("UPDATE sales SET refusal = ? WHERE number = ?", refusal, number)

    def requeue(self) -> None:
        """Offers what was set aside again, once key, clock or catalogue have been mended."""
        self._run("UPDATE sales SET refusal = NULL, attempts = 0 WHERE refusal IS NOT NULL")

    def next_waiting(self, excluded: Collection[int] = ()) -> Sale | None:
        """The sale to send next that is not among the excluded."""
        with self._lock:
            rows = self._connection.execute(WAITING, (len(excluded) + 1,)).fetchall()
        for number, event, attempts in rows:
            if number not in excluded:
                return Sale(number, json.loads(event), attempts)
        return None

    def count_waiting(self) -> int:
        return int(self._run("SELECT count(*) FROM sales WHERE refusal IS NULL").fetchone()[0])

    def refusals(self) -> list[str]:
        """Why sales were set aside, oldest first."""
        rows = self._run("SELECT refusal FROM sales WHERE refusal IS NOT NULL ORDER BY number").fetchall()
        return [refusal for (refusal,) in rows]

    def close(self) -> None:
        with self._lock:
            self._connection.close()
