"""What routes tell the audit, whose part stands above most of them.

A call leaves in its ASGI scope whom it is about; what came of it is noted when it has been answered. What changes
something by a person's word is recorded within the transaction that changes it.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import Scope

KEY: Final = "key"
"""Where a scope has the header that the call was let in by."""
CUSTOMERS: Final = "customers"
"""Where it has the ids of the customers that the call is about, but for the one that its path names."""
RECORDED: Final = "recorded"
"""Where it says that what was done is recorded already."""


Record = Callable[[AsyncConnection, Sequence[str]], Awaitable[None]]
"""Writes with a transaction that what it does is about these ids."""


def name_customers(scope: Scope, customer_ids: Iterable[str]) -> None:
    """Says whom a call is about, for the audit."""
    scope[CUSTOMERS] = tuple(customer_ids)


class Auditing(Protocol):
    """Who keeps the audit."""

    def note(self, scope: Scope, status: int | None, request_id: str) -> None:
        """A call was answered; None: it was not. Costs no statement."""

    async def record(self, connection: AsyncConnection, scope: Scope) -> None:
        """Writes what a call does, with the transaction that does it: as the last of it, since others wait then."""


def recording(audit: Auditing, scope: Scope) -> Record:
    """Records a call that turns out to be about these ids, that of its path among them."""

    async def record(connection: AsyncConnection, customer_ids: Sequence[str]) -> None:
        of_path = scope["path_params"].get("customer_id")
        name_customers(scope, (each for each in customer_ids if each != of_path))
        await audit.record(connection, scope)

    return record


class NoAudit:
    """Where no part keeps one."""

    def note(self, scope: Any, status: int | None, request_id: str) -> None:
        """Nothing."""

    async def record(self, connection: AsyncConnection, scope: Any) -> None:
        """Nothing."""
