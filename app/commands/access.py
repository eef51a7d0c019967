"""How commands come to the database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import create_engine
from app.database.opening import open_database
from app.foundation.settings import Settings


@contextmanager
def database() -> Iterator[tuple[Settings, str]]:
    settings = Settings.from_environment()
    with open_database(settings) as url:
        yield settings, url


@asynccontextmanager
async def engine_of(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()
