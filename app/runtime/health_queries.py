"""What health and metrics ask the database."""

from typing import Final

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import rejected_events
from app.stages.queries import read_last_sweep

MOST_COUNTED: Final = 10_000
"""Rejected events are counted no further: a large backlog must not make a probe slow."""


async def ping(connection: AsyncConnection) -> None:
    """A round trip."""
    await connection.execute(select(literal_column("1")))


async def count_rejected(connection: AsyncConnection) -> int:
    """How many rejected events are kept, MOST_COUNTED at most."""
    some = select(rejected_events.c.rejected_id).limit(MOST_COUNTED).subquery()
    count: int = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
    return count


async def read_swept_us(connection: AsyncConnection) -> int | None:
    """When the last sweep ended; None: there was none."""
    sweep = await read_last_sweep(connection)
    return None if sweep is None else sweep.finished_us
