"""SQL of what customers cost to acquire."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.kpi_tables import acquisition_costs
from app.kpis.costs import Cost
from app.kpis.periods import Period

_LOCK: Final = 0x636F7374
"""Whoever puts costs: one at a time, so that none overlap."""
c = acquisition_costs.c


def _of(row: Any) -> Cost:
    return Cost(row.channel, Period(row.first_day, row.until_day), row.amount_minor)


async def hold_costs(connection: AsyncConnection) -> None:
    """Until the transaction ends nobody else changes them."""
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def read_costs(connection: AsyncConnection, within: Period) -> list[Cost]:
    """Those of some of these days, in the order of time."""
    query = select(acquisition_costs).where(c.first_day < within.until, c.until_day > within.first)
    return [_of(row) for row in await connection.execute(query.order_by(c.first_day, c.channel))]


async def list_costs(connection: AsyncConnection, within: Period) -> list[Mapping[str, Any]]:
    """The rows of `read_costs`, with who put them and when."""
    query = select(acquisition_costs).where(c.first_day < within.until, c.until_day > within.first)
    return [dict(row) for row in (await connection.execute(query.order_by(c.first_day, c.channel))).mappings()]


async def put_cost(connection: AsyncConnection, cost: Cost, now_us: int, changed_by: str) -> None:
    """Writes it in the place of that of the same channel and first day."""
    told = {"until_day": cost.period.until, "amount_minor": cost.amount_minor}
    row = {**told, "changed_us": now_us, "changed_by": changed_by}
    put = pg_insert(acquisition_costs).values(channel=cost.channel, first_day=cost.period.first, **row)
    await connection.execute(put.on_conflict_do_update(index_elements=["channel", "first_day"], set_=row))


async def remove_cost(connection: AsyncConnection, cost: Cost) -> None:
    """Takes back what was put for the channel from that day on; nothing, where nothing was."""
    theirs = delete(acquisition_costs).where(c.channel == cost.channel, c.first_day == cost.period.first)
    await connection.execute(theirs)
