"""The demo shop, as the service knows it: how its data are told apart, and whether they are there."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.db import transaction
from app.events.queries import find_import, has_events
from app.scores.artefact import latest_version

IMPORT_ID: Final = "demo"


async def needs_events(engine: AsyncEngine) -> bool:
    """Whether the database is empty, or a filling of it was cut short."""
    async with transaction(engine) as connection:
        begun = await find_import(connection, IMPORT_ID)
        if begun is not None:
            return begun.finished_us is None
        return not await has_events(connection)


async def needs_model(engine: AsyncEngine, settings: Settings) -> bool:
    """Whether the demo shop is there, and no model at all."""
    async with transaction(engine) as connection:
        begun = await find_import(connection, IMPORT_ID)
    return begun is not None and latest_version(settings.models_directory) is None


async def is_prepared(engine: AsyncEngine, settings: Settings) -> bool:
    """Whether `perennial demo` has nothing to do."""
    return not await needs_events(engine) and not await needs_model(engine, settings)
