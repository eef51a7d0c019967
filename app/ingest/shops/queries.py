"""All SQL of the shops' webhooks."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import events
from app.lifecycle.identifiers import BASKET


async def is_nobodys(connection: AsyncConnection, source: str, event_id: str | None) -> bool:
    """Whether an event is known, and is a purchase that named nobody."""
    query = select(events.c.customer_id).where(events.c.source == source, events.c.id == event_id)
    customer_id = (await connection.execute(query)).scalar()
    return isinstance(customer_id, str) and customer_id.startswith(BASKET)
