"""How commands come to the database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import create_engine
from app.database.opening import open_database
from app.foundation.settings import Settings


@contextmanager
def database(*, as_owner: bool = False) -> Iterator[tuple[Settings, str]]:
    """The settings, and the URL of the migrated database. `as_owner`: for keys, backups, and what changes tables."""
    settings = Settings.from_environment()
    with open_database(settings, as_owner=as_owner) as url:
        yield settings, url


@asynccontextmanager
async def engine_of(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()
