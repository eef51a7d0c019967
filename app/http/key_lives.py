"""How long keys are valid, when they were used last, and how one follows another."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import api_keys
from app.http.auth import create_key, is_valid_at

USE_WRITTEN_US: Final = 60_000_000
"""A key's last use is written again after so much."""


class Successor(NamedTuple):
    """The key that follows another, which is valid until `both_until_us` as well."""

    key_id: str
    key: str
    name: str
    both_until_us: int


async def rotate_key(
    connection: AsyncConnection, key_id: str, now_us: int, overlap_us: int, expires_us: int | None = None
) -> Successor | None:
    """A new key of the same name and scopes; the old one ends after the overlap, or sooner where it was to.

    `expires_us`: of the new one. None: there is no valid key of this id.
    """
    row = (
        await connection.execute(
            select(api_keys.c.name, api_keys.c.scopes, api_keys.c.expires_us)
            .where(api_keys.c.key_id == key_id, is_valid_at(now_us))
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        return None
    until_us = min(now_us + overlap_us, row.expires_us or now_us + overlap_us)
    await connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(expires_us=until_us))
    new_id, key = await create_key(connection, row.name, row.scopes, now_us, expires_us)
    return Successor(new_id, key, row.name, until_us)


async def note_uses(connection: AsyncConnection, digests: Sequence[bytes], now_us: int) -> None:
    """That these keys (SHA-256) were used: a write a minute at most for each, whoever else writes."""
    last = api_keys.c.last_used_us
    is_due = or_(last.is_(None), last < now_us - USE_WRITTEN_US)
    due = select(api_keys.c.key_id).where(api_keys.c.key_sha256.in_(digests), is_due)
    await connection.execute(
        update(api_keys)
        .where(api_keys.c.key_id.in_(due.order_by(api_keys.c.key_id).with_for_update(skip_locked=True)))
        .values(last_used_us=func.greatest(func.coalesce(last, 0), now_us))
    )
