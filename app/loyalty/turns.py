"""Turns of requests that post."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import transaction
from app.foundation.errors import NotReady
from app.http.resources import Resources
from app.loyalty.held import Loyalty
from app.loyalty.queries import wait_at_most

_LOCK_NOT_AVAILABLE: Final = "55P03"


@asynccontextmanager
async def posting(resources: Resources) -> AsyncIterator[tuple[AsyncConnection, int]]:
    """A transaction that something is posted in for a request, and the time (µs) at which it begins. Raises NotReady
    where its turn, or a lock, is waited for too long."""
    async with AsyncExitStack() as stack:
        async with resources.patience():
            await stack.enter_async_context(resources.of(Loyalty).turn())
        try:
            async with transaction(resources.engine) as connection:
                await wait_at_most(connection, resources.settings.patience_ms)
                yield connection, time.time_ns() // 1000
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise NotReady("Others are at work on these points.") from error
            raise
