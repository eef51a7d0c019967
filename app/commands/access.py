"""How commands come to the database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.database import open_database
from app.db import create_engine


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
