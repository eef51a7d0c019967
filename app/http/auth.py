"""API keys and scopes. A key is shown once, when it is made; only its SHA-256 is kept.

A key ends with a checksum of its secret, so that what is mistyped or guessed is told from a key without looking for it,
and scanners of repositories can tell one that was committed. Those of before it had none, and are taken still.
"""

import asyncio
import base64
import binascii
import hashlib
import secrets
import string
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import api_keys
from app.foundation.errors import Forbidden, NotReady, Unauthorized, UnknownKey
from app.http.sealed_keys import unseal

Scope = Literal["ingest", "read", "decide", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
KEY_PREFIX: Final = "perennial_"
SECRET_LENGTH: Final = len(secrets.token_urlsafe(32))
CHECKSUM_LENGTH: Final = 6
_DIGITS: Final = (string.digits + string.ascii_uppercase + string.ascii_lowercase).encode()
MOST_HEADERS: Final = 1000
"""How many are remembered: the same key can be written with any number of spaces."""
MOST_UNKNOWN: Final = 10_000
"""How many keys are remembered to be none."""
REREAD_SECONDS: Final = 0.1
"""Between two readings of the keys for the sake of unknown ones, however many come."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is listed. `revoked_us` and `expires_us` None: it is valid."""

    key_id: str
    name: str
    scopes: list[str]
    created_us: int
    revoked_us: int | None
    expires_us: int | None
    last_used_us: int | None

    def state(self, now_us: int) -> Literal["valid", "revoked", "expired"]:
        if self.revoked_us is not None:
            return "revoked"
        return "valid" if self.expires_us is None or self.expires_us > now_us else "expired"


class Keyring:
    """The valid keys of the database, in memory: SHA-256 → scopes. Read anew every few seconds.

    What a valid header allows is remembered until then, so that a till's key is not hashed at every sale; and which
    keys are none, so that they are not looked for again. `scopes_by_hash` None: they have not been read yet.
    """

    def __init__(self, scopes_by_hash: Mapping[bytes, frozenset[str]] | None = None) -> None:
        self._scopes_by_hash = scopes_by_hash
        self._scopes_by_header: dict[bytes, frozenset[str]] = {}
        self._unknown: set[bytes] = set()
        self.used: set[bytes] = set()
        """SHA-256 of the keys that were let in."""

    @property
    def is_read(self) -> bool:
        """Whether it knows what the database says."""
        return self._scopes_by_hash is not None

    def authorize(self, authorization: bytes | None, wanted: Iterable[Scope]) -> None:
        """Raises Unauthorized without a valid key, Forbidden where it lacks a scope. Admin has all.

        `authorization` is the value of the header. Raises UnknownKey for one that may have been made since the keys
        were read; NotReady while nobody can know whether a key is valid: a till takes a 401 for final, and its sale
        would be lost.
        """
        scopes = self._scopes_by_header.get(authorization or b"") or self._look_up(authorization or b"")
        for scope in wanted:
            if scope not in scopes and "admin" not in scopes:
                raise Forbidden(f"The API key lacks the scope {scope}.")

    def knows(self, authorization: bytes) -> bool:
        """Whether there is a valid key in the header, as far as is known here; it may be written as Segment's libraries
        do."""
        if authorization in self._scopes_by_header:
            return True
        try:
            self._look_up(write_bearer(authorization))
        except (Unauthorized, NotReady):
            return False
        return True

    def _look_up(self, authorization: bytes) -> frozenset[str]:
        digest = unseal(authorization)
        if digest is None:
            kind, _, key = authorization.partition(b" ")
            if kind.lower() != b"bearer" or not key:
                raise Unauthorized("Send an API key as 'Authorization: Bearer …'.")
            if not is_well_formed(key.strip()):
                raise Unauthorized("The API key is not one that was made here; was it copied whole?")
            digest = hash_key(key.strip())
        if self._scopes_by_hash is None:
            raise NotReady("The keys have not been read from the database yet.")
        scopes = self._scopes_by_hash.get(digest)
        if scopes is None:
            raise (Unauthorized if digest in self._unknown else UnknownKey)(
                "The API key is not known, has expired or has been revoked."
            )
        self.used.add(digest)
        if len(self._scopes_by_header) < MOST_HEADERS:
            self._scopes_by_header[authorization] = scopes
        return scopes

    def remember_unknown(self, authorization: bytes) -> None:
        """That this is no key is known by now: nobody can guess one that is yet to be made."""
        if len(self._unknown) < MOST_UNKNOWN:
            self._unknown.add(digest_in(authorization))


class Rereading:
    """Reads the keys for the sake of unknown ones: one reading at a time, and no more than some in a second.

    Whoever comes while one is under way waits for the next, which all of them share: it begins after their key was
    made. So any number of unknown keys costs the database a few small statements a second.
    """

    def __init__(self, read: Callable[[], Awaitable[type[Exception] | None]]) -> None:
        """`read` says why it could not be done, if it could not."""
        self._read = read
        self._next: asyncio.Task[type[Exception] | None] | None = None
        self._tasks: set[asyncio.Task[type[Exception] | None]] = set()
        self._turn = asyncio.Lock()
        self._not_before = 0.0

    async def read_again(self) -> None:
        """Waits for a reading that begins from now on. Raises NotReady where it fails."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_in_turn(), name="keys")
            self._tasks.add(self._next)
            self._next.add_done_callback(self._tasks.discard)
        if await asyncio.shield(self._next) is not None:
            raise NotReady("Whether there is such a key cannot be read from the database.")

    async def close(self) -> None:
        """Gives up what is under way; nobody waits for it any more."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_in_turn(self) -> type[Exception] | None:
        async with self._turn:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            self._next = None
            self._not_before = time.monotonic() + REREAD_SECONDS
            return await self._read()


def write_key(secret: str) -> str:
    """A key as it is shown: prefix, secret, and the checksum of the secret."""
    return KEY_PREFIX + secret + _checksum_of(secret.encode()).decode()


def is_well_formed(key: bytes) -> bool:
    """Whether it can be a key: what has a checksum has the right one."""
    secret = key.removeprefix(KEY_PREFIX.encode())
    if len(secret) == len(key):
        return False
    if len(secret) == SECRET_LENGTH + CHECKSUM_LENGTH:
        return _checksum_of(secret[:SECRET_LENGTH]) == secret[SECRET_LENGTH:]
    return len(secret) == SECRET_LENGTH


def _checksum_of(secret: bytes) -> bytes:
    """CRC-32, to the base of 62."""
    left, digits = zlib.crc32(secret), bytearray()
    for _ in range(CHECKSUM_LENGTH):
        left, digit = divmod(left, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return bytes(digits[::-1])


def write_bearer(authorization: bytes) -> bytes:
    """`Basic` with a key as user name → `Bearer` with that key; anything else as it is."""
    kind, _, encoded = authorization.partition(b" ")
    if kind.lower() != b"basic":
        return authorization
    try:
        user_name = base64.b64decode(encoded.strip(), validate=True).partition(b":")[0]
    except binascii.Error:
        return authorization
    return b"Bearer " + user_name


def hash_key(key: bytes) -> bytes:
    """SHA-256; enough for a secret of 256 random bits."""
    return hashlib.sha256(key).digest()


def digest_in(authorization: bytes) -> bytes:
    """SHA-256 of the key in a header."""
    return unseal(authorization) or hash_key(authorization.partition(b" ")[2].strip())


def is_valid_at(now_us: int) -> ColumnElement[bool]:
    """Whether a key is neither revoked nor expired, in SQL."""
    expires_us = api_keys.c.expires_us
    return and_(api_keys.c.revoked_us.is_(None), or_(expires_us.is_(None), expires_us > now_us))


async def read_keyring(connection: AsyncConnection) -> dict[bytes, frozenset[str]]:
    """SHA-256 → scopes of the valid keys."""
    rows = await connection.execute(
        select(api_keys.c.key_sha256, api_keys.c.scopes).where(is_valid_at(time.time_ns() // 1000))
    )
    return {bytes(row.key_sha256): frozenset(row.scopes) for row in rows}


async def find_key_name(connection: AsyncConnection, authorization: bytes) -> str | None:
    """The name of the key in a header; None: it is known no more."""
    found = await connection.execute(select(api_keys.c.name).where(api_keys.c.key_sha256 == digest_in(authorization)))
    return found.scalar_one_or_none()


async def find_key_id(connection: AsyncConnection, authorization: bytes) -> str | None:
    """The id of the key in a header, for an audit; None: it is known no more."""
    found = await connection.execute(select(api_keys.c.key_id).where(api_keys.c.key_sha256 == digest_in(authorization)))
    return found.scalar_one_or_none()


async def sign_by_key(connection: AsyncConnection, authorization: bytes) -> str:
    """Who acts, as audits name them: the key in a header, by its id."""
    key_id = await find_key_id(connection, authorization)
    return "a key that was revoked" if key_id is None else f"key {key_id}"


async def create_key(
    connection: AsyncConnection, name: str, scopes: Sequence[Scope], now_us: int, expires_us: int | None = None
) -> tuple[str, str]:
    """Makes a key; (key_id, key). The key cannot be read again. `expires_us` None: it is valid until it is revoked."""
    key_id, key = secrets.token_hex(4), write_key(secrets.token_urlsafe(32))
    row: dict[str, Any] = {
        "key_id": key_id,
        "name": name,
        "key_sha256": hash_key(key.encode()),
        "scopes": list(scopes),
        "created_us": now_us,
        "expires_us": expires_us,
    }
    await connection.execute(insert(api_keys).values(row))
    return key_id, key


async def list_keys(connection: AsyncConnection) -> list[KeyRow]:
    """All keys, oldest first."""
    names = ("key_id", "name", "scopes", "created_us", "revoked_us", "expires_us", "last_used_us")
    columns = [api_keys.c[name] for name in names]
    rows = await connection.execute(select(*columns).order_by(api_keys.c.created_us))
    return [KeyRow(**row._mapping) for row in rows]


async def revoke_key(connection: AsyncConnection, key_id: str, now_us: int) -> bool:
    """False: there is no valid key of this id."""
    revoked = await connection.execute(
        update(api_keys).where(api_keys.c.key_id == key_id, api_keys.c.revoked_us.is_(None)).values(revoked_us=now_us)
    )
    return revoked.rowcount > 0


async def is_valid_key(connection: AsyncConnection, key: str) -> bool:
    """Whether a key is known and not revoked."""
    return hash_key(key.encode()) in await read_keyring(connection)
