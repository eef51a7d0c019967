"""The demo shop in the database: filled when it is empty, and told apart by source and customer id."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.db import transaction
from app.events.importing import ImportCount, run_import
from app.events.queries import find_import, has_events
from ml.simulate import simulate

SEED: Final = 20
CUSTOMERS: Final = 3000
DAYS: Final = 730
IMPORT_ID: Final = "demo"


async def fill_demo(
    engine: AsyncEngine, settings: Settings, identity_key: bytes, on_progress: Callable[[int, int], None]
) -> ImportCount:
    """Counts two years of the simulated shop up to now. Resumes a filling that was cut short."""
    total = 0

    def open_events(began_us: int) -> Iterator[dict[str, Any]]:
        nonlocal total
        until = datetime.fromtimestamp(began_us / 1e6, UTC)
        shop = list(simulate(SEED, CUSTOMERS, until, DAYS, settings.currency))
        total = len(shop)
        return iter(shop)

    count = ImportCount()
    async for count in run_import(engine, IMPORT_ID, open_events, settings, identity_key):
        on_progress(count.total, total)
    return count


async def needs_demo(engine: AsyncEngine) -> bool:
    """Whether the database is empty, or a filling of it was cut short."""
    async with transaction(engine) as connection:
        begun = await find_import(connection, IMPORT_ID)
        if begun is not None:
            return begun.finished_us is None
        return not await has_events(connection)
