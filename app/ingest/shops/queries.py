"""All SQL of the shops' webhooks."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import events


async def read_customers(connection: AsyncConnection, source: str, event_ids: Collection[str]) -> dict[str, str]:
    """Id of an event → the customer id that it came under, of those that are known."""
    query = select(events.c.id, events.c.customer_id).where(events.c.source == source, events.c.id.in_(event_ids))
    return {row.id: row.customer_id for row in await connection.execute(query)}
