"""SQL of what models learn from: events and order lines, of nobody who refuses profiling."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import Double, Select, Text, and_, column, false, func, null, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.item_tables import items
from app.database.tables import customer_consents, customer_states, events, persons
from app.ingest.queries import DEMO_SOURCES
from app.lifecycle.events import ALL_CHANNELS, ALL_PURPOSES, ORDER_COMPLETED, ORDER_REFUNDED
from app.lifecycle.identifiers import BASKET

_DENIED: Final = "%denied"
_MOMENT: Final = 17
"""Characters of the text of a latest value that tell its time."""


def _refusing() -> Select[Any]:
    """The persons who refuse profiling, by all that was said under any of their ids, as
    `CustomerState.refuses_profiling` has it."""
    states, said = customer_states.c, customer_consents.c
    of_profiling = select(states.customer_id, states.consent_personalization.label("own"), null().label("of_all"))
    of_everything = select(said.customer_id, null(), said.word)
    words = (
        of_profiling.where(states.consent_personalization.is_not(None))
        .union_all(of_everything.where(said.purpose == ALL_PURPOSES, said.channel == ALL_CHANNELS))
        .subquery("words")
    )
    person_id = func.coalesce(persons.c.person_id, words.c.customer_id)
    own, of_all = func.max(words.c.own), func.max(words.c.of_all)
    is_since = or_(own.is_(None), func.left(of_all, _MOMENT) >= func.left(own, _MOMENT))
    refuses = or_(own.like(_DENIED), and_(of_all.like(_DENIED), is_since))
    return (
        select(person_id)
        .join_from(words, persons, persons.c.customer_id == words.c.customer_id, isouter=True)
        .group_by(person_id)
        .having(func.coalesce(refuses, false()))
    )


async def count_refusing(connection: AsyncConnection) -> int:
    """How many persons refuse profiling."""
    counted = select(func.count()).select_from(_refusing().subquery())
    return int((await connection.execute(counted)).scalar_one())


async def find_refusing_ids(connection: AsyncConnection) -> set[str]:
    """All ids of the persons who refuse profiling."""
    theirs = select(persons.c.customer_id).where(persons.c.person_id.in_(_refusing()))
    return set((await connection.execute(theirs.union(_refusing()))).scalars())


async def export_events(
    connection: "asyncpg.Connection[Any]", file: Path, columns: Sequence[str], simulated: bool
) -> None:
    """Writes columns of the real events, or of the demo shop's, to a CSV file.

    `customer_id` is the person's, of those known by several ids. Purchases without a customer are left out, and so is
    who refuses profiling.
    """
    is_demo = events.c.source.startswith(DEMO_SOURCES)
    person_id = func.coalesce(persons.c.person_id, events.c.customer_id).label("customer_id")
    wanted = [person_id if name == "customer_id" else events.c[name] for name in columns]
    query = (
        select(*wanted)
        .join_from(events, persons, persons.c.customer_id == events.c.customer_id, isouter=True)
        .where(
            is_demo if simulated else ~is_demo, ~events.c.customer_id.startswith(BASKET), person_id.not_in(_refusing())
        )
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
    person_id = func.coalesce(persons.c.person_id, told.c.customer_id)
    query = (
        select(
            person_id,
            *(told.c.type, told.c.occurred_us, func.coalesce(told.c.reference, told.c.id)),
            *(line.c.item_id, line.c.quantity),
            func.coalesce(items.c.category[-1].as_string(), line.c.category),
            func.coalesce(told.c.data["store"].as_string(), func.substring(told.c.source, _STORE_OF_SOURCE)),
        )
        .join_from(told, line, true())
        .join(persons, persons.c.customer_id == told.c.customer_id, isouter=True)
        .join(items, in_catalogue, isouter=True)
        .where(person_id.not_in(_refusing()))
    )
    text = query.compile(dialect=asyncpg_dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    await connection.copy_from_query(str(text), output=file, format="csv")
