"""The log of a person's consents: what was said of each purpose, when, where, and to which wording."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import member_ids
from app.database.tables import events
from app.foundation.times import iso
from app.lifecycle.events import ALL_PURPOSES, CONSENT_CHANGED

VERSION: Final = ("version", "wording_version")
"""Members of `data` that name the version of the wording."""


async def read_consents(
    connection: AsyncConnection, customer_id: str, before: Sequence[Any] | None, limit: int
) -> Sequence[Any]:
    """Consents of all ids of a person, latest first, before a position (occurred_us, source, id)."""
    place = tuple_(events.c.occurred_us, events.c.source, events.c.id)
    is_theirs = events.c.customer_id == func.any(member_ids(customer_id))
    query = select(events).where(is_theirs, events.c.type == CONSENT_CHANGED)
    if before is not None:
        query = query.where(place < tuple_(*before))
    latest_first = query.order_by(events.c.occurred_us.desc(), events.c.source.desc(), events.c.id.desc())
    return (await connection.execute(latest_first.limit(limit))).all()


def render_consent(row: Any) -> dict[str, Any]:
    """A consent on the wire."""
    return {
        "customer_id": row.customer_id,
        "purpose": row.data.get("purpose") or ALL_PURPOSES,
        "channel": row.channel,
        "granted": row.data["granted"],
        "time": iso(row.occurred_us),
        "received_at": iso(row.received_us),
        "source": row.source,
        "event_id": row.id,
        "version": next((said for name in VERSION if (said := _text(row.data.get(name))) is not None), None),
        "wording": _text(row.data.get("wording")),
    }


def _text(said: Any) -> str | None:
    """A version may come as a number."""
    return str(said) if isinstance(said, str | int | float) and not isinstance(said, bool) else None
