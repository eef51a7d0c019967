"""SQL of programmes: each version that there was."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.loyalty_tables import loyalty_programmes
from app.lifecycle.loyalty_programme import Programme

_LOCK: Final = 0x6C6F79616C
"""Whoever puts a programme: one at a time, so that versions are in the order in which they are committed."""
c = loyalty_programmes.c


class ProgrammeVersion(NamedTuple):
    """A programme, from when it is in force, who put it and when."""

    version: int
    effective_us: int
    programme: Programme
    changed_us: int
    changed_by: str


_COLUMNS: Final = tuple(c[name] for name in ProgrammeVersion._fields)


def _of(row: Any) -> ProgrammeVersion:
    return ProgrammeVersion(*row)._replace(programme=Programme.model_validate(row.programme))


async def read_programmes(connection: AsyncConnection) -> Sequence[ProgrammeVersion]:
    """All versions, in the order in which they were put."""
    return [_of(row) for row in await connection.execute(select(*_COLUMNS).order_by(c.version))]


async def list_versions(connection: AsyncConnection) -> list[int]:
    """Their numbers, in that order."""
    return list((await connection.execute(select(c.version).order_by(c.version))).scalars())


async def has_programme(connection: AsyncConnection) -> bool:
    """Whether there ever was one."""
    return bool((await connection.execute(select(select(c.version).exists()))).scalar())


async def add_programme(
    connection: AsyncConnection, programme: Programme, effective_us: int, changed_us: int, changed_by: str
) -> ProgrammeVersion:
    """The next version."""
    row = {"effective_us": effective_us, "programme": programme.model_dump(mode="json")}
    told = {"changed_us": changed_us, "changed_by": changed_by}
    added = insert(loyalty_programmes).values(**row, **told).returning(*_COLUMNS)
    return _of((await connection.execute(added)).one())


async def hold_programmes(connection: AsyncConnection) -> None:
    """Until the transaction ends nobody else puts one."""
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
