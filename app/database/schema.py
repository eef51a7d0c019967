"""The database's schema: which revision this version needs, and bringing a database to it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import CONNECTION_LOST, create_engine, transaction
from app.foundation.errors import NotReady, Refusal

HEAD_REVISION: Final = "0040"

_ROOT = Path(__file__).resolve().parent.parent.parent


class UnusableDatabase(Refusal):
    """No database, or not one of ours; the sentence says why."""


async def read_revision(connection: AsyncConnection) -> str | None:
    """The schema revision of the database; None: it was never migrated."""
    known = await connection.execute(select(func.to_regclass("alembic_version")))
    if known.scalar_one() is None:
        return None
    return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()


def migrate(database_url: str) -> None:
    """Brings the schema to `HEAD_REVISION`. Concurrent calls wait for each other (advisory lock).

    Raises UnusableDatabase.
    """
    try:
        with ThreadPoolExecutor(1) as thread:  # there may be an event loop in this one
            revision = thread.submit(asyncio.run, _find_revision(database_url)).result()
        if revision != HEAD_REVISION:
            _upgrade(database_url)
    except (SQLAlchemyError, NotReady, asyncpg.PostgresError, *CONNECTION_LOST) as error:
        cause = error.__cause__ if isinstance(error, NotReady) else error
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]  # a time-out says nothing
        raise UnusableDatabase(f"The database cannot be used: {reason}") from error


async def _find_revision(database_url: str) -> str | None:
    engine = create_engine(database_url)
    try:
        async with transaction(engine) as connection:
            return await read_revision(connection)
    finally:
        await engine.dispose()


def _upgrade(database_url: str) -> None:
    """Alembic is loaded only here: a server whose schema is up to date does without its 12 MB."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, HEAD_REVISION)
    except CommandError as error:
        raise UnusableDatabase(f"The schema is not one of this version: {error}") from error
