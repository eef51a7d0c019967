"""Alembic's environment: the URL comes from the caller, or from PERENNIAL_DATABASE_URL.

Processes of the version before go on meanwhile, and so do their tills. What a migration locks, they wait for; and they
wait behind a migration that waits for a lock itself, for who reads a table for an hour, say. So a migration waits no
longer for a lock than a till does for an answer: then it begins anew, and tills go on between its attempts.
"""

import asyncio
import threading
import time

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import create_engine
from app.database.schema import say_who_may_serve
from app.database.tables import metadata
from app.foundation.logs import log
from app.foundation.settings import Settings

MIGRATION_LOCK = 0x70657265  # "pere": one migration at a time, however many replicas start
LOCK_TIMEOUT = "300ms"
BETWEEN_S = 1.0
TURN_S = 0.1
PATIENCE_S = 600.0
"""For locks of one call, all migrations together; then it is given up, to be begun again by whoever sees to it."""


def _url() -> str:
    given = context.config.attributes.get("database_url") or Settings.from_environment().database_url
    if given is None:
        raise SystemExit("Set PERENNIAL_DATABASE_URL, or use 'perennial migrate'.")
    return str(given)


def _run(connection: Connection) -> None:
    """Each migration in a transaction of its own; the lock is held over all of them, and all attempts."""
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}):
        connection.commit()  # an index that is built beside writers waits for statements, of who waits for it too
        time.sleep(TURN_S)
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    patience_s = float(context.config.attributes.get("lock_patience_s", PATIENCE_S))
    given_up_s = time.monotonic() + patience_s
    while not _attempt(connection, is_last=time.monotonic() >= given_up_s):
        time.sleep(min(BETWEEN_S, patience_s))
    say_who_may_serve(connection)
    connection.commit()


def _attempt(connection: Connection, *, is_last: bool) -> bool:
    """Whether all is done; what was done before a lock that was not to be had stays done. Raises DBAPIError."""
    try:
        context.configure(
            connection=connection, target_metadata=metadata, compare_type=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if is_last or not isinstance(cause, asyncpg.LockNotAvailableError):
            raise
        connection.rollback()
        log.warning("migration.waits", reason="a table is in use")
        return False
    return True


async def _migrate(engine: AsyncEngine) -> None:
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
            await connection.commit()
    finally:
        await engine.dispose()  # and with the connection goes the lock


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
