"""Databases under measurement: an embedded server in a directory of its own, or one that is given."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.embedded import start_embedded
from app.database.schema import migrate


@contextmanager
def postgres(url: str | None) -> Iterator[URL]:
    """The server at `url`, or an embedded one that is gone with its data when the block ends."""
    if url is not None:
        yield make_url(url).set(drivername="postgresql+asyncpg")
        return
    with tempfile.TemporaryDirectory(prefix="perennial-benchmark-") as directory:
        server = start_embedded(Path(directory))
        try:
            yield make_url(server.url)
        finally:
            server.stop()


@contextmanager
def fresh_database(server: URL, name: str) -> Iterator[URL]:
    """An empty database, dropped at the end. One that an earlier run left is replaced."""
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    execute(server, drop, f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name)
    finally:
        execute(server, drop)


def as_text(url: URL) -> str:
    """The URL for an environment variable, its password included."""
    return url.render_as_string(hide_password=False)


def create_tables(database: URL) -> None:
    """The service's tables and types, as its own migrations make them."""
    migrate(as_text(database))


def execute(database: URL, *statements: str) -> None:
    """Runs statements one by one, each a transaction of its own (so VACUUM too)."""
    asyncio.run(_execute(database, *statements))


def read_value(database: URL, query: str) -> Any:
    """The first value that a query answers."""
    return asyncio.run(_read_value(database, query))


def find_postmaster(database: URL) -> int | None:
    """The process that starts the server's others; None: it is on another machine, or does not tell."""
    try:
        pid = int(read_value(database, "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)"))
        is_here = Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except (DBAPIError, OSError):
        return None
    return pid if is_here else None


async def _read_value(database: URL, query: str) -> Any:
    engine = create_async_engine(database)
    async with engine.connect() as connection:
        value = (await connection.execute(text(query))).scalar_one()
    await engine.dispose()
    return value


async def _execute(database: URL, *statements: str) -> None:
    engine = create_async_engine(database, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()
