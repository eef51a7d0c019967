"""Costs of acquisition, kept and told."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import Overlapping
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.kpis.cost_queries import list_costs, put_cost, read_costs
from app.kpis.costs import Cost, overlaps
from app.kpis.periods import Period
from app.lifecycle.events import to_major


async def keep_cost(connection: AsyncConnection, cost: Cost, now_us: int, changed_by: str) -> None:
    """Puts it, while nobody else does. Raises Overlapping where another of the channel has some of its days."""
    if overlaps(await read_costs(connection, cost.period), cost):
        raise Overlapping("Another cost of the channel has some of these days: take it back first.")
    await put_cost(connection, cost, now_us, changed_by)


async def render_costs(connection: AsyncConnection, within: Period, settings: Settings) -> dict[str, Any]:
    """What is known of some of these days, for the wire."""
    return {
        "currency": settings.currency,
        "costs": [
            {
                "from": row["first_day"].isoformat(),
                "to": row["until_day"].isoformat(),
                "channel": row["channel"] or None,
                "amount": to_major(row["amount_minor"], settings.digits),
                "changed_at": iso(row["changed_us"]),
                "changed_by": row["changed_by"],
            }
            for row in await list_costs(connection, within)
        ],
    }
