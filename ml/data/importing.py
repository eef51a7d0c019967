"""Files → events: CloudEvents as they are, transactions as orders and refunds."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from app.checkout.importing import (
    ImportCount,
    import_id,
    run_import,
)
from app.foundation.errors import Problem
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.http.strict_json import read_json
from app.ingest.admission import admit_or_reject
from app.ingest.refusals import Rejection
from app.ingest.rules import Rules
from app.lifecycle.events import DAY_US, ORDER_CANCELLED
from ml.data.file_reading import refuse_lost
from ml.data.leavings import count_lost
from ml.data.order_events import LINE_ORDER, read_cancelled, read_kept_whole, read_orders
from ml.data.transactions import AS_TOLD, Reading, Say, load_orders

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ_BYTES = 1 << 20
_PREVIEWED = 3
_CYCLES_SOUGHT_AFTER = 100_000
"""Objects made: a few batches."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is read. `columns` maps a meaning to the file's own name for it."""

    source: str
    timezone: str
    shift_to_now: bool
    columns: dict[str, str | None]
    reading: Reading = AS_TOLD
    strict: bool = False


async def import_file(
    path: Path,
    options: ImportOptions,
    engine: AsyncEngine,
    settings: Settings,
    rules: Rules,
    on_progress: Callable[[int, int | None], None],
    say: Say = lambda _: None,
) -> ImportCount:
    """Counts the file's events; `on_progress` gets events done and events in all, `say` how the file is read.


    With `shift_to_now` times move by whole days, so that the last event was within a day of the first run.
    An import that stopped resumes after its last whole batch; one that is repeated counts nothing twice.
    Raises UnusableTransactions for a file that cannot be read, or one that loses lines where `strict` is asked for.
    """
    with duckdb.connect() as connection, _seldom_seeking_cycles():
        reader = _open_reader(connection, path, options, settings, rules, say)

        def shift_us(began_us: int) -> int:
            age_us = max(0, began_us - reader.last_event_us)
            return age_us // DAY_US * DAY_US if options.shift_to_now else 0

        def open_events(began_us: int) -> Iterator[dict[str, Any]]:
            return reader.read(shift_us(began_us))

        def open_corrections(began_us: int) -> Iterator[dict[str, Any]]:
            return read_kept_whole(connection, options.source, shift_us(began_us))

        count = ImportCount()
        key = import_id(_read_parts(path), f"{options!r} {LINE_ORDER}")
        rules = _with_identity(rules, reader, options.source)
        source = options.source if reader.has_orders else None
        async for count in run_import(engine, key, open_events, rules, source, open_corrections):
            on_progress(count.total, reader.events)
        count.lost = reader.lost
        return count


def preview_file(
    path: Path, options: ImportOptions, settings: Settings, rules: Rules, say: Say, now_us: int
) -> tuple[list[dict[str, Any]], list[Rejection], int]:
    """(The first events, those that would be refused, how many lines would be lost), and nothing is counted.

    Raises UnusableTransactions, as `import_file`.
    """
    with duckdb.connect() as connection:
        reader = _open_reader(connection, path, options, settings, rules, say)
        rules = _with_identity(rules, reader, options.source)
        first: list[dict[str, Any]] = []
        refused: list[Rejection] = []
        for raw in reader.read(0):
            admitted = raw if isinstance(raw, Rejection) else admit_or_reject(raw, rules, now_us)
            if isinstance(admitted, Rejection):
                refused.append(admitted)
            elif len(first) < _PREVIEWED and raw["type"] != ORDER_CANCELLED:
                first.append(raw)
        return first, refused, reader.lost


def _with_identity(rules: Rules, reader: "_Reader", source: str) -> Rules:
    """Orders of files are known by what they are, whatever source is named."""
    return rules._replace(orders=rules.orders.including(source)) if reader.has_orders else rules


@contextmanager
def _seldom_seeking_cycles() -> Iterator[None]:
    """Events are trees: looking for cycles among a million members of theirs takes a seventh of the CPU."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_CYCLES_SOUGHT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@dataclass(frozen=True, slots=True)
class _Reader:
    """A file that was looked through: how many events it has, when the last was, and the events."""

    events: int
    last_event_us: int
    read: Callable[[int], Iterator[Any]]
    lost: int = 0
    has_orders: bool = False
    """Whether they are orders that were made of lines, not CloudEvents."""


def _read_parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            yield part


def _open_reader(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    options: ImportOptions,
    settings: Settings,
    rules: Rules,
    say: Say,
) -> _Reader:
    if _holds_cloudevents(path):
        return _cloudevents_reader(path)
    load_orders(
        connection,
        path,
        source=options.source,
        currency=settings.currency,
        timezone=options.timezone,
        reading=replace(options.reading, keeps_nobody=True, by_number=rules.orders.knows_by_number(options.source)),
        say=say,
        **options.columns,
    )
    if options.strict:
        refuse_lost(connection, path, "imported")
    (row,) = connection.execute("SELECT count(*), coalesce(max(occurred_us), 0) FROM events").fetchall()

    def read(shift_us: int) -> Iterator[Any]:
        yield from read_orders(connection, shift_us, settings)
        yield from read_cancelled(connection, options.source, shift_us)

    return _Reader(row[0], row[1], read, count_lost(connection), has_orders=True)


def _holds_cloudevents(path: Path) -> bool:
    if not path.name.lower().endswith((".ndjson", ".jsonl")):
        return False
    with path.open("rb") as file:
        return b'"specversion"' in file.readline()


def _cloudevents_reader(path: Path) -> _Reader:
    def lines() -> Iterator[Any]:
        with path.open("rb") as file:
            yield from (_read_line(line, number) for number, line in enumerate(file, 1) if line.strip())

    times = [_us_of(event) for event in lines()]

    def read(shift_us: int) -> Iterator[Any]:
        for event in lines():
            us = _us_of(event)
            yield {**event, "time": iso(us + shift_us)} if shift_us and us else event

    return _Reader(len(times), max(times, default=0), read)


def _read_line(line: bytes, number: int) -> Any:
    """The event of a line; a refusal where it is not JSON.

    Of such a line the place and the size are kept, never the content: identifiers in it cannot be found, and hashed.
    """
    try:
        return read_json(line)
    except Problem as problem:
        return Rejection(orjson.dumps({"line": number, "bytes": len(line)}), problem)


def _us_of(event: Any) -> int:
    """The time of an event; 0 for one that has none, which is refused when it is counted."""
    try:
        moment = datetime.fromisoformat(event["time"])
    except (ValueError, TypeError, KeyError):
        return 0
    return (moment - _EPOCH) // timedelta(microseconds=1) if moment.tzinfo else 0
