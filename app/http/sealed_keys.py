"""What this process asks of itself, for a key of which it knows the hash alone: a header that nobody else can write.

Who is signed in to the console has shown a key once, and it was not kept. What their pages ask of the API is asked with
this header, so that the key's scopes, what it may ask for, and the audit hold as if it had been sent.
"""

import hashlib
import hmac
import secrets
from typing import Final

_SCHEME: Final = b"Sealed "
_SECRET: Final = secrets.token_bytes(32)
_DIGITS: Final = 64
"""Of a SHA-256, hexadecimal."""


def seal(key_sha256: bytes) -> bytes:
    """The header. Another process does not take it."""
    return b"%b%b%b" % (_SCHEME, key_sha256.hex().encode(), _sign(key_sha256))


def unseal(authorization: bytes) -> bytes | None:
    """SHA-256 of the key in such a header; None: it is none, or was not written here."""
    if len(authorization) != len(_SCHEME) + 2 * _DIGITS or not authorization.startswith(_SCHEME):
        return None
    written = authorization[len(_SCHEME) :]
    try:
        key_sha256 = bytes.fromhex(written[:_DIGITS].decode("latin-1"))
    except ValueError:
        return None
    return key_sha256 if hmac.compare_digest(written[_DIGITS:], _sign(key_sha256)) else None


def _sign(key_sha256: bytes) -> bytes:
    return hmac.new(_SECRET, key_sha256, hashlib.sha256).hexdigest().encode()
