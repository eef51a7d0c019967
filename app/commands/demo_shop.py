"""The demo shop, as the service knows it: how its data are told apart, and whether they are there."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import transaction
from app.ingest.queries import find_import, has_events
from app.items.queries import read_version
from app.models.kinds import KINDS, RECOMMEND, SCORE, SENTIMENT
from app.models.queries import read_champion
from app.stages.history_queries import has_computed_history

IMPORT_ID: Final = "demo"
TRAINED: Final = (SCORE, RECOMMEND, SENTIMENT)
"""The kinds of model that its history teaches; a policy is learned of decisions. Sentiment, where texts are kept."""


async def needs_events(engine: AsyncEngine) -> bool:
    """Whether the database is empty, or a filling of it was cut short."""
    async with transaction(engine) as connection:
        begun = await find_import(connection, IMPORT_ID)
        if begun is not None:
            return begun.finished_us is None
        return not await has_events(connection)


async def needs_model(engine: AsyncEngine, kind: str) -> bool:
    """Whether the demo shop is there, and no model of a kind that this version can serve, or none at all."""
    async with transaction(engine) as connection:
        if await find_import(connection, IMPORT_ID) is None:
            return False
        champion = await read_champion(connection, kind)
    if champion is None:
        return True
    return champion.is_simulated and not KINDS[kind].can_serve(champion.version, champion.manifest)


async def needs_items(engine: AsyncEngine) -> bool:
    """Whether the demo shop is there, and there never was an item in the catalogue."""
    async with transaction(engine) as connection:
        is_demo = await find_import(connection, IMPORT_ID) is not None
        return is_demo and await read_version(connection) == 0


async def needs_history(engine: AsyncEngine) -> bool:
    """Whether the demo shop is there, and its past months were never worked out."""
    async with transaction(engine) as connection:
        is_demo = await find_import(connection, IMPORT_ID) is not None
        return is_demo and not await has_computed_history(connection)


async def is_prepared(engine: AsyncEngine) -> bool:
    """Whether `perennial demo` has nothing to do."""
    if await needs_events(engine) or await needs_items(engine):
        return False
    return not any([await needs_model(engine, kind) for kind in TRAINED]) and not await needs_history(engine)
