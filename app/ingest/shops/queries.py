"""All SQL of the shops' webhooks."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import events
from app.ingest.shops.known import Known


async def read_known(connection: AsyncConnection, source: str, event_ids: Collection[str]) -> dict[str, Known]:
    """What is known of these events, by their ids."""
    kept = (events.c.id, events.c.customer_id, events.c.occurred_us)
    query = select(*kept).where(events.c.source == source, events.c.id.in_(event_ids))
    return {row.id: Known(row.customer_id, row.occurred_us) for row in await connection.execute(query)}
