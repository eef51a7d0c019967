"""Keeping a worker's catalogue as the database has it."""

import asyncio
import time
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import yield_to_requests
from app.database.engine import transaction
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.items import queries
from app.items.held import Catalogue

LOOK_SECONDS: Final = 0.5
"""How often each worker looks whether there was a change: it is seen everywhere within two seconds."""
SHARE: Final = 0.5
"""Of the event loop's time, while many changes are taken over."""


class Items:
    """The catalogue of this process. `looked_s`: when it was last compared (`time.monotonic`); None: never yet."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.looked_s: float | None = None
        self._looking = asyncio.Lock()

    async def follow(self, engine: AsyncEngine) -> None:
        """Reads what has changed since it was last looked. Raises NotReady when the database is out of reach."""
        async with self._looking, transaction(engine) as connection:
            held = self.catalogue
            self.catalogue = await read_catalogue(connection, held)
            self.looked_s = time.monotonic()
        if self.catalogue.version != held.version:
            log.info("items.held", items=self.catalogue.size)


async def read_catalogue(connection: AsyncConnection, held: Catalogue) -> Catalogue:
    """The catalogue as it is now, made of the one that is held; that itself where nothing has changed.

    In pieces of some milliseconds, which give way to requests. What changes meanwhile is read the next time.
    """
    version = await queries.read_version(connection)
    if version == held.version:
        return held
    begun = Catalogue() if version < held.version or held.is_worn else held
    since, after, made = begun.version, "", begun
    while rows := await queries.read_changes(connection, since, version, after):
        began = time.perf_counter()
        after = rows[-1].item_id
        made = made.with_changes(rows, version)
        await yield_to_requests(began, SHARE)
    return made.with_changes((), version)


async def keep_following(items: Items, engine: AsyncEngine) -> None:
    """Follows for ever. That the database is out of reach is told once, and once that it is there again."""
    failed = False
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await items.follow(engine)
        except (NotReady, SQLAlchemyError) as error:
            if not failed:
                log.warning("items.failed", reason=type(error).__name__)
            failed = True
            continue
        failed = False
