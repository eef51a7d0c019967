"""SQL of events: their facts, refusals, imports, exports."""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Text,
    cast,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import Statement, compile_statement, unnested
from app.database.tables import events, imports, rejected_events
from app.lifecycle.events import Event

FACTS = tuple(item for item in events.c if item.name in Event._fields)
"""What comes with an event: the fields of `Event`, in its order."""


def unnested_columns(columns: tuple[Any, ...], name: str) -> Any:
    """Arrays of equal length as rows of these columns."""
    return unnested(name, **{item.name: item.type for item in columns})


def _known_events() -> Statement:
    """The events of these (source, id) pairs that were there before this transaction, with their content."""
    pairs = unnested_columns((events.c.source, events.c.id), "pairs")
    was_there = literal_column("events.xmin <> pg_current_xact_id()::xid", Boolean)
    content = [events.c[name] for name in ("customer_id", "type", "occurred_us", "digest")]
    return compile_statement(
        select(events.c.source, events.c.id, *content, cast(events.c.data, Text).label("data")).join_from(
            pairs, events, (events.c.source == pairs.c.source) & (events.c.id == pairs.c.id) & was_there
        )
    )


KNOWN_EVENTS = _known_events()

_REJECTED_COLUMNS = (rejected_events.c.received_us, rejected_events.c.problem, rejected_events.c.event)


def _keep_rejected() -> Statement:
    """Parameters: an array each of received_us, problem (JSON text) and event (JSON text)."""
    rows = unnested_columns(_REJECTED_COLUMNS, "rejected")
    values = [cast(item, JSON) if item.name == "problem" else item for item in rows.c]
    return compile_statement(
        pg_insert(rejected_events).from_select([item.name for item in _REJECTED_COLUMNS], select(*values))
    )


KEEP_REJECTED = _keep_rejected()


async def begin_import(connection: AsyncConnection, import_id: str, now_us: int) -> Any:
    """Row: began_us, batches_done, finished_us; of an import that ran before, or of one that begins now."""
    row = {"import_id": import_id, "began_us": now_us, "batches_done": 0}
    await connection.execute(pg_insert(imports).values(row).on_conflict_do_nothing())
    return (await connection.execute(select(imports).where(imports.c.import_id == import_id))).one()


async def save_import_progress(
    connection: AsyncConnection, import_id: str, batches_done: int, finished_us: int | None
) -> None:
    """Records how far an import has come."""
    progress = {"batches_done": batches_done, "finished_us": finished_us}
    await connection.execute(update(imports).where(imports.c.import_id == import_id).values(progress))


async def find_import(connection: AsyncConnection, import_id: str) -> Any:
    """The row of an import; None: it never began."""
    return (await connection.execute(select(imports).where(imports.c.import_id == import_id))).one_or_none()


async def has_events(connection: AsyncConnection) -> bool:
    """Whether there is any event at all."""
    return (await connection.execute(select(events.c.id).limit(1))).one_or_none() is not None


DEMO_SOURCES = "/demo/"
"""What the sources of the simulated shop begin with."""


async def has_demo_events(connection: AsyncConnection) -> bool:
    """Whether there is any event of the demo shop's."""
    found = exists().where(events.c.source.startswith(DEMO_SOURCES))
    return bool((await connection.execute(select(found))).scalar_one())


MOST_COUNTED: Final = 10_000
"""Rejected events are counted no further: a large backlog must not make a probe slow."""


async def count_rejected(connection: AsyncConnection) -> int:
    """How many rejected events are kept, MOST_COUNTED at most."""
    some = select(rejected_events.c.rejected_id).limit(MOST_COUNTED).subquery()
    count: int = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
    return count
