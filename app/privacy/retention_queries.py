"""SQL of what leaves because it is too old."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Column, Table, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.privacy_tables import retention_runs
from app.database.tables import decisions, left_events, rejected_events
from app.lifecycle.retention import RECEIPTS, REJECTED

AGED: Final[dict[str, tuple[Table, Column[int]]]] = {
    REJECTED: (rejected_events, rejected_events.c.received_us),
    RECEIPTS: (decisions, decisions.c.decided_us),
}
"""Kind → its table, and the time from which its age counts, by which there is an index."""


async def delete_aged(connection: AsyncConnection, kind: str, before_us: int, most: int) -> int:
    """Deletes up to so many rows that are of before a time, the oldest first; how many. What others work at stays."""
    table, aged_us = AGED[kind]
    key = tuple(table.primary_key.columns)
    oldest = select(*key).where(aged_us < before_us).order_by(aged_us).limit(most).with_for_update(skip_locked=True)
    return (await connection.execute(delete(table).where(tuple_(*key).in_(oldest)))).rowcount


async def read_last_run(connection: AsyncConnection) -> Any:
    """The row of the run that began last; None: there was none."""
    return (await connection.execute(_LATEST_FIRST)).first()


async def read_last_finished(connection: AsyncConnection) -> Any:
    """The row of the latest that came to its end; None: none did."""
    return (await connection.execute(_LATEST_FIRST.where(retention_runs.c.finished_us.is_not(None)))).first()


async def begin_run(connection: AsyncConnection, began_us: int) -> Any:
    """The row of a run that begins now."""
    new = insert(retention_runs).values(began_us=began_us, rows={}).returning(retention_runs)
    return (await connection.execute(new)).one()


async def save_progress(connection: AsyncConnection, run_id: int, more: Mapping[str, int], after: str | None) -> None:
    """Notes how many rows more have left in a run, and the customer up to whom it has come with events."""
    run = await _read(connection, run_id)
    told = {"rows": dict(Counter(run.rows) + Counter(more)), "after_id": after}
    await connection.execute(update(retention_runs).where(retention_runs.c.run_id == run_id).values(told))


async def finish_run(connection: AsyncConnection, run_id: int, finished_us: int) -> Any:
    """Notes that a run came to its end; the row."""
    done = update(retention_runs).where(retention_runs.c.run_id == run_id)
    told = done.values(finished_us=finished_us, after_id=None).returning(retention_runs)
    return (await connection.execute(told)).one()


async def is_by_another_key(connection: AsyncConnection, mark: bytes) -> bool:
    """Whether events have left that are not found by the key whose mark it is (`LeftKeys.mark`)."""
    has_mark = select(left_events).where(left_events.c.key_hash == mark).exists()
    query = select(select(left_events).exists() & ~has_mark)
    return bool((await connection.execute(query)).scalar_one())


async def _read(connection: AsyncConnection, run_id: int) -> Any:
    return (await connection.execute(select(retention_runs).where(retention_runs.c.run_id == run_id))).one()


_LATEST_FIRST: Final = select(retention_runs).order_by(retention_runs.c.run_id.desc()).limit(1)
