"""SQL of sessions and of what signs in once."""

from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.console_tables import console_codes, console_sessions
from app.database.tables import api_keys
from app.http.auth import is_valid_at


async def add_session(connection: AsyncConnection, **row: Any) -> None:
    """A row of `console_sessions`."""
    await connection.execute(insert(console_sessions).values(row))


async def add_code(connection: AsyncConnection, **row: Any) -> None:
    """A row of `console_codes`."""
    await connection.execute(insert(console_codes).values(row))


async def find_session(connection: AsyncConnection, token_sha256: bytes, now_us: int) -> Any:
    """The row of the key of a session, while both are valid; None: there is no such session."""
    held = console_sessions.c
    query = (
        select(api_keys.c.key_id, api_keys.c.name, api_keys.c.scopes, api_keys.c.key_sha256)
        .join_from(console_sessions, api_keys, api_keys.c.key_id == held.key_id)
        .where(held.token_sha256 == token_sha256, held.expires_us > now_us, is_valid_at(now_us))
    )
    return (await connection.execute(query)).one_or_none()


async def find_code(connection: AsyncConnection, code_sha256: bytes, now_us: int) -> str | None:
    """The name of the key that a code signs in with; None: it signs nobody in."""
    held = console_codes.c
    query = (
        select(api_keys.c.name)
        .join_from(console_codes, api_keys, api_keys.c.key_id == held.key_id)
        .where(held.code_sha256 == code_sha256, held.expires_us > now_us, is_valid_at(now_us))
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def take_code(connection: AsyncConnection, code_sha256: bytes, now_us: int) -> str | None:
    """The id of the key that a code signs in with, which it does no more; None: it is used, too old, or its key is no
    longer valid."""
    taken = (
        delete(console_codes)
        .where(console_codes.c.code_sha256 == code_sha256, console_codes.c.expires_us > now_us)
        .returning(console_codes.c.key_id)
    )
    key_id = (await connection.execute(taken)).scalar_one_or_none()
    valid = select(api_keys.c.key_id).where(api_keys.c.key_id == key_id, is_valid_at(now_us))
    return None if key_id is None else (await connection.execute(valid)).scalar_one_or_none()


async def delete_session(connection: AsyncConnection, token_sha256: bytes) -> None:
    """Nothing where there is none."""
    await connection.execute(delete(console_sessions).where(console_sessions.c.token_sha256 == token_sha256))


async def delete_expired(connection: AsyncConnection, now_us: int) -> None:
    """Sessions and codes that are over."""
    for table in (console_sessions, console_codes):
        await connection.execute(delete(table).where(table.c.expires_us <= now_us))
