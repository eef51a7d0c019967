"""SQL of events: their facts, refusals, imports, exports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import (
    JSON,
    Boolean,
    Double,
    Text,
    and_,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import Statement, compile_statement, unnested
from app.database.item_tables import items
from app.database.tables import events, imports, persons, rejected_events
from app.lifecycle.events import ORDER_COMPLETED, ORDER_REFUNDED, Event
from app.lifecycle.identifiers import BASKET

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


async def export_events(
    connection: "asyncpg.Connection[Any]", file: Path, columns: Sequence[str], simulated: bool
) -> None:
    """Writes columns of the real events, or of the demo shop's, to a CSV file.

    `customer_id` is the person's, of those known by several ids. Purchases without a customer are left out.
    """
    is_demo = events.c.source.startswith(DEMO_SOURCES)
    person_id = func.coalesce(persons.c.person_id, events.c.customer_id).label("customer_id")
    wanted = [person_id if name == "customer_id" else events.c[name] for name in columns]
    query = (
        select(*wanted)
        .join_from(events, persons, persons.c.customer_id == events.c.customer_id, isouter=True)
        .where(is_demo if simulated else ~is_demo, ~events.c.customer_id.startswith(BASKET))
    )
    text = query.compile(dialect=asyncpg_dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    await connection.copy_from_query(str(text), output=file, format="csv")


_STORE_OF_SOURCE: Final = "/pos/([^/]+)"


async def export_order_items(connection: "asyncpg.Connection[Any]", file: Path, simulated: bool) -> None:
    """Writes the lines of real orders and refunds, or of the demo shop's, to a CSV file: `customer_id` as in
    `export_events`, type, time, order, item, quantity, category, store.

    The category is the last of the catalogue's, else the line's. The store is what the order says in `store`, else what
    its source names: `/pos/STORE/…`. Both may be NULL.
    """
    is_demo = events.c.source.startswith(DEMO_SOURCES)
    told = (
        select(events)
        .where(events.c.type.in_((ORDER_COMPLETED, ORDER_REFUNDED)))
        .where(is_demo if simulated else ~is_demo, ~events.c.customer_id.startswith(BASKET))
        .subquery("told")
    )
    columns = (column("item_id", Text), column("category", Text), column("quantity", Double))
    line = func.unnest(told.c.lines, type_=ARRAY(Text)).table_valued(*columns, name="line").render_derived(name="line")
    in_catalogue = and_(items.c.item_id == line.c.item_id, ~items.c.is_deleted)
    query = (
        select(
            func.coalesce(persons.c.person_id, told.c.customer_id),
            *(told.c.type, told.c.occurred_us, func.coalesce(told.c.reference, told.c.id)),
            *(line.c.item_id, line.c.quantity),
            func.coalesce(items.c.category[-1].as_string(), line.c.category),
            func.coalesce(told.c.data["store"].as_string(), func.substring(told.c.source, _STORE_OF_SOURCE)),
        )
        .join_from(told, line, true())
        .join(persons, persons.c.customer_id == told.c.customer_id, isouter=True)
        .join(items, in_catalogue, isouter=True)
    )
    text = query.compile(dialect=asyncpg_dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    await connection.copy_from_query(str(text), output=file, format="csv")


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
