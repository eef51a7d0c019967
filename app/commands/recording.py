"""What commands leave in the audit."""

import getpass
import os
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.acts import Act
from app.audit.chain import open_chain
from app.audit.recorder import add_entries, entry_of
from app.commands.access import engine_of
from app.database.engine import transaction
from app.foundation.settings import Settings
from app.http.auditing import Record
from app.models.gates import COMMAND_LINE


async def record_command(
    connection: AsyncConnection,
    settings: Settings,
    command: str,
    act: Act = "change",
    *,
    customer_ids: Sequence[str] = (),
    target: str | None = None,
    calls: int = 1,
) -> None:
    """Writes with a transaction what it does, as the last of it. Of an import `calls` are its events."""
    if not settings.audit_days:
        return
    chain = open_chain(settings)
    told: dict[str, Any] = {"customers": list(map(chain.hash_customer, customer_ids)), "target": target, "calls": calls}
    entry = entry_of(_name_user(), act, f"perennial {command}", time.time_ns() // 1000, **told)
    await add_entries(connection, chain, [entry])


async def record_alone(url: str, settings: Settings, command: str, act: Act = "change") -> None:
    """`record_command` of what is no transaction of ours."""
    async with engine_of(url) as engine, transaction(engine) as connection:
        await record_command(connection, settings, command, act)


def recording(settings: Settings, command: str, act: Act) -> Record:
    """`record_command` of what takes ids of customers."""

    async def record(connection: AsyncConnection, customer_ids: Sequence[str]) -> None:
        await record_command(connection, settings, command, act, customer_ids=customer_ids)

    return record


def _name_user() -> str:
    """As the system knows them; a container may know a number alone."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"user {name} at {COMMAND_LINE}"
