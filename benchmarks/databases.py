"""Databases under measurement: an embedded server in a directory of its own, or one that is given."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.embedded import start_embedded
from app.tables import metadata


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
    asyncio.run(_execute(server, drop, f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name)
    finally:
        asyncio.run(_execute(server, drop))


def as_text(url: URL) -> str:
    """The URL for an environment variable, its password included."""
    return url.render_as_string(hide_password=False)


def create_tables(database: URL) -> None:
    """The service's tables, empty."""
    asyncio.run(_create_tables(database))


async def _create_tables(database: URL) -> None:
    engine = create_async_engine(database)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


async def _execute(server: URL, *statements: str) -> None:
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()
