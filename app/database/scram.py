"""What Postgres keeps of a password, made here: so that the password itself is in no statement, and no log of any."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

ITERATIONS: Final = 4096
"""Postgres' own."""


def verifier_of(password: str, salt: bytes | None = None) -> str:
    """SCRAM-SHA-256 (RFC 5803) of an ASCII password. Raises ValueError for another: those would have to be prepared."""
    if not password.isascii() or not password.isprintable():
        raise ValueError("a password is of printable ASCII characters")
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    client_key, server_key = (hmac.digest(salted, name, "sha256") for name in (b"Client Key", b"Server Key"))
    stored_key = hashlib.sha256(client_key).digest()
    written = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${ITERATIONS}:{written[0]}${written[1]}:{written[2]}"
