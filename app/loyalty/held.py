"""What the running service knows of programmes."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import transaction
from app.foundation.errors import NotFound
from app.foundation.settings import Settings
from app.ingest.order_identity import OrderIdentity
from app.loyalty.entitlements import Terms
from app.loyalty.programme_queries import ProgrammeVersion, list_versions, read_programmes

NO_PROGRAMME: Final = "There is no loyalty programme: put one."
AT_ONCE: Final = 3
"""So many postings of a process hold a connection: those of one customer wait for each other, and nobody else for
them."""


class Loyalty:
    """The programmes; every few seconds new ones are read. With none, nobody earns anything and nothing is marked."""

    def __init__(self, settings: Settings) -> None:
        self.programmes: Sequence[ProgrammeVersion] = ()
        self._settings = settings
        self._turns = asyncio.Semaphore(AT_ONCE)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Held while something is posted for a request."""
        return self._turns

    async def refresh(self, engine: AsyncEngine) -> None:
        """Reads them anew where there are others."""
        async with transaction(engine) as connection:
            if await list_versions(connection) != [each.version for each in self.programmes]:
                self.programmes = await read_programmes(connection)

    @property
    def is_on(self) -> bool:
        """Whether there ever was a programme."""
        return bool(self.programmes)

    def terms(self) -> Terms:
        """By what points are worked out now. Raises NotFound where there is no programme."""
        if not self.programmes:
            raise NotFound(NO_PROGRAMME)
        return terms_of(self.programmes, self._settings)


def terms_of(programmes: Sequence[ProgrammeVersion], settings: Settings) -> Terms:
    """Those of a deployment."""
    identity = OrderIdentity.of(settings.order_identity)
    return Terms(programmes, identity, settings.time_zone, settings.digits)
