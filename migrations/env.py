"""Alembic's environment: the URL comes from the caller, or from PERENNIAL_DATABASE_URL."""

import asyncio
import threading

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import create_engine
from app.database.tables import metadata
from app.foundation.settings import Settings

MIGRATION_LOCK = 0x70657265  # "pere": one migration at a time, however many replicas start


def _url() -> str:
    given = context.config.attributes.get("database_url") or Settings.from_environment().database_url
    if given is None:
        raise SystemExit("Set PERENNIAL_DATABASE_URL, or use 'perennial migrate'.")
    return str(given)


def _run(connection: Connection) -> None:
    """Each migration in a transaction of its own; the lock is held over all of them."""
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


async def _migrate(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


def _run_in_thread() -> None:
    """In a thread of its own, since the caller may already be in an event loop."""
    failure: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(_migrate(create_engine(_url())))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


_run_in_thread()
