"""A connection to the database of a service that is tested beside the service's own: it makes, empties and looks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import make_url, text

from app.database.tables import metadata

BLOCKED = """
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'perennial'
"""
KEPT = ("api_keys", "actions", "action_versions")
EMPTIED = [name for name in metadata.tables if name not in KEPT]
EMPTY = f"""
DO $$
DECLARE written text;
BEGIN
    SELECT string_agg(name, ', ') INTO written
      FROM unnest('{{{",".join(EMPTIED)}}}'::text[]) AS name WHERE pg_relation_size(name::regclass) > 0;
    IF written IS NOT NULL THEN EXECUTE 'TRUNCATE ' || written; END IF;
END $$
"""
"""Truncates what has been written to since: a table without rows or rooms costs as much to truncate as a full one."""


def dsn(url: str) -> str:
    """As the driver takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def administer(server_url: str, statement: str) -> None:
    """Runs a statement outside of any transaction; in a thread, since the caller's loop may be running."""

    async def execute() -> None:
        connection = await asyncpg.connect(dsn(server_url))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, execute()).result()


async def wait_until(look):
    """What `look` returns as soon as it is true. For what happens elsewhere and sets no event of ours."""
    async with asyncio.timeout(60):
        while not (found := await look()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


@dataclass
class Sql:
    """Asks the database, through a connection that is not the service's."""

    engine: Any

    async def rows(self, statement, **parameters):
        async with self.engine.begin() as connection:
            found = await connection.execute(text(statement), parameters)
            return found.mappings().all() if found.returns_rows else []

    async def row(self, statement, **parameters):
        (row,) = await self.rows(statement, **parameters)
        return dict(row)

    async def value(self, statement, **parameters):
        (value,) = (await self.row(statement, **parameters)).values()
        return value

    async def wait_for_lock(self, backends=1):
        """A backend of a service that waits for a lock, as soon as there are so many."""

        async def look():
            found = await self.rows(BLOCKED)
            return found if len(found) >= backends else None

        return (await wait_until(look))[0]["pid"]


async def empty_tables(engine: Any) -> None:
    """But for keys and catalogue."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL lock_timeout = '30s'"))  # a test before has left a transaction open
        await connection.exec_driver_sql(EMPTY)
