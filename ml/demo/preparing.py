"""The demo shop in the database: filled when it is empty, and told apart by source and customer id."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.checkout.importing import ImportCount, run_import
from app.commands.demo_shop import IMPORT_ID, TRAINED, needs_events, needs_history, needs_items, needs_model
from app.commands.history import fill_history, tell_filled
from app.commands.progress import counting, say
from app.database.engine import create_engine, transaction
from app.decisions.catalogue_queries import fill_action_catalogue
from app.foundation.errors import Problem, Refusal
from app.foundation.settings import Settings
from app.ingest.identity_key import IdentityKeys, read_identity_keys
from app.ingest.rules import Rules
from app.items.service import admit_items, put_items
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.models.kinds import RECOMMEND, SCORE, SENTIMENT
from ml.demo.items import list_items
from ml.demo.simulate import simulate
from ml.training.commands import recommend_from_database, sentiment_from_database, train_from_database

SEED: Final = 20
CUSTOMERS: Final = 3000
DAYS: Final = 730
_LEARN: Final[Mapping[str, Callable[..., Awaitable[str]]]] = {
    SCORE: train_from_database,
    RECOMMEND: recommend_from_database,
    SENTIMENT: sentiment_from_database,
}


async def fill_demo(
    engine: AsyncEngine, settings: Settings, keys: IdentityKeys, on_progress: Callable[[int, int], None]
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
    async for count in run_import(engine, IMPORT_ID, open_events, Rules.of(settings, *keys)):
        on_progress(count.total, total)
    return count


async def fill_items(engine: AsyncEngine, settings: Settings) -> int:
    """Puts what the shop sells in the catalogue; how many items."""
    admitted = await admit_items(list(list_items(settings.digits)), settings.digits)
    rows = [row for row in admitted if not isinstance(row, Problem)]
    async with transaction(engine) as connection:
        await put_items(connection, rows, time.time_ns() // 1000)
    return len(rows)


async def prepare_demo(database_url: str, settings: Settings) -> None:
    """Fills the catalogues of actions and items, the shop, the registry and the record of stages, each where it is
    empty."""
    engine = create_engine(database_url)
    try:
        async with transaction(engine) as connection:
            await fill_action_catalogue(connection, DEFAULT_ACTIONS, time.time_ns() // 1000)
        if await needs_events(engine):
            say(f"Filling the demo shop: {CUSTOMERS:,} simulated customers, {DAYS} days …")
            with counting("Counting the demo shop's events") as progress:
                count = await fill_demo(engine, settings, read_identity_keys(settings), progress)
            say(f"{count.accepted:,} events counted")
        if await needs_items(engine):
            say(f"{await fill_items(engine, settings)} items in the catalogue")
        for kind in TRAINED:
            if await needs_model(engine, kind):
                try:
                    say(await _LEARN[kind](engine, settings, simulated=True))
                except Refusal as error:
                    if kind != SENTIMENT:
                        raise
                    say(str(error))  # texts may be declined, or have left
        if await needs_history(engine):
            say(tell_filled(await fill_history(engine, settings)))
    finally:
        await engine.dispose()
