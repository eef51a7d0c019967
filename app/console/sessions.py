"""Who is signed in. A browser holds a token of 256 random bits, the database its SHA-256."""

import secrets
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.console import session_queries as queries
from app.http.auth import Scope, hash_key
from app.http.sealed_keys import seal

SESSION_US: Final = 12 * 3_600_000_000
"""A working day; then the key is asked for again."""
CODE_US: Final = 15 * 60_000_000


class Session(NamedTuple):
    """Who looks: the key that they signed in with, while it is valid."""

    key_id: str
    name: str
    scopes: frozenset[str]
    key_sha256: bytes

    @property
    def authorization(self) -> bytes:
        """What the API takes for the key's own header."""
        return seal(self.key_sha256)

    def may(self, scope: Scope) -> bool:
        """Admin has all."""
        return scope in self.scopes or "admin" in self.scopes


async def begin_session(connection: AsyncConnection, key_id: str, now_us: int) -> str:
    """The token of a new session with a key."""
    await queries.delete_expired(connection, now_us)
    token = secrets.token_urlsafe(32)
    hashed = hash_key(token.encode())
    await queries.add_session(
        connection, token_sha256=hashed, key_id=key_id, began_us=now_us, expires_us=now_us + SESSION_US
    )
    return token


async def find_session(connection: AsyncConnection, token: str, now_us: int) -> Session | None:
    """None: there is none, it is over, or its key is not valid any more."""
    row = await queries.find_session(connection, hash_key(token.encode()), now_us)
    return None if row is None else Session(row.key_id, row.name, frozenset(row.scopes), bytes(row.key_sha256))


async def end_session(connection: AsyncConnection, token: str) -> None:
    """Nobody looks with it any more."""
    await queries.delete_session(connection, hash_key(token.encode()))


async def make_code(connection: AsyncConnection, key_id: str, now_us: int) -> str:
    """What signs in once, with a key, within a quarter of an hour; whichever worker is asked."""
    code = secrets.token_urlsafe(32)
    await queries.add_code(connection, code_sha256=hash_key(code.encode()), key_id=key_id, expires_us=now_us + CODE_US)
    return code


async def find_code(connection: AsyncConnection, code: str, now_us: int) -> str | None:
    """Whom a code would sign in, by the name of the key: it may still be used then. None: nobody."""
    return await queries.find_code(connection, hash_key(code.encode()), now_us)


async def use_code(connection: AsyncConnection, code: str, now_us: int) -> str | None:
    """The token of a new session; None: the code signs nobody in."""
    key_id = await queries.take_code(connection, hash_key(code.encode()), now_us)
    return None if key_id is None else await begin_session(connection, key_id, now_us)


def link_of(base: str, code: str) -> str:
    """What is opened to sign in, of a service at an address."""
    return f"{base.rstrip('/')}/console/sign-in?code={code}"
