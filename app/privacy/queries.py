"""SQL of all that is kept of a person."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Select, Text, cast, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import member_ids
from app.database.tables import events, links, metadata, persons, rejected_events
from app.lifecycle.events import CUSTOMER_MERGED, CUSTOMER_UNMERGED
from app.privacy.held import HELD


async def read_ids(connection: AsyncConnection, customer_id: str) -> list[str]:
    """Every id of a customer's person, the one asked for among them, in order."""
    found: list[str] = (await connection.execute(select(member_ids(customer_id)))).scalar_one()
    return sorted(found)


async def find_person_id(connection: AsyncConnection, customer_id: str) -> str:
    """The id that the person goes by."""
    found = await connection.execute(select(persons.c.person_id).where(persons.c.customer_id == customer_id))
    return found.scalar_one_or_none() or customer_id


def _rows_of(name: str, customer_ids: Sequence[str]) -> Select[Any]:
    """Whole rows of a table, as JSON text, in the order of their key."""
    table = metadata.tables[name]
    is_theirs = or_(*(table.c[column].in_(customer_ids) for column in HELD[name]))
    row = cast(func.to_json(literal_column(name)), Text)
    return select(row).select_from(table).where(is_theirs).order_by(*table.primary_key.columns)


async def read_rows(connection: AsyncConnection, name: str, customer_ids: Sequence[str]) -> AsyncIterator[str]:
    """The rows of a table that are of these ids, as JSON text; not all in memory at once."""
    async with connection.stream(_rows_of(name, customer_ids)) as rows:
        async for row in rows.scalars():
            yield row


async def read_naming(connection: AsyncConnection, customer_ids: Sequence[str]) -> Sequence[Any]:
    """What events of other persons say of these ids: that they were merged, or taken apart. Rows: customer_id, source,
    id, and `row` as JSON text.

    The links tell whose events these are.
    """
    low, high = links.c.low_id, links.c.high_id
    others = select(high).where(low.in_(customer_ids)).union(select(low).where(high.in_(customer_ids)))
    c = events.c
    query = select(
        c.customer_id, c.source, c.id, cast(func.to_json(literal_column("events")), Text).label("row")
    ).where(
        c.customer_id.in_(others),
        c.customer_id.not_in(customer_ids),
        c.type.in_((CUSTOMER_MERGED, CUSTOMER_UNMERGED)),
        func.json_extract_path_text(c.data, "merged").in_(customer_ids),
    )
    return (await connection.execute(query)).all()


async def read_refused(connection: AsyncConnection, texts: Sequence[str]) -> Sequence[Any]:
    """Rejected events in which one of these texts stands, quotes and all. All of them are looked through."""
    stands = or_(*(func.strpos(rejected_events.c.event, each) > 0 for each in texts))
    query = select(rejected_events).where(stands).order_by(rejected_events.c.rejected_id)
    return (await connection.execute(query)).all()
