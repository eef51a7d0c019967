"""What health asks the database."""

from sqlalchemy import func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection


async def ping(connection: AsyncConnection) -> None:
    """A round trip."""
    await connection.execute(select(literal_column("1")))


async def read_revision(connection: AsyncConnection) -> str | None:
    """The schema revision of the database; None: it was never migrated."""
    known = await connection.execute(select(func.to_regclass("alembic_version")))
    if known.scalar_one() is None:
        return None
    return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
