"""Whether a delivery is the shop's: the signature over its body, by a secret that only the two of us know."""

import base64
import binascii
import hashlib
import hmac

import orjson

from app.foundation.errors import NotReady, Unauthorized


def read_secrets(setting: str | None) -> tuple[bytes, ...]:
    """The secrets of a setting: one, as it is, or several as a JSON list of texts. An empty one is none."""
    if setting is None:
        return ()
    return tuple(secret.encode() for secret in _as_list(setting.strip("\r\n")) if secret.strip())


def _as_list(setting: str) -> list[str]:
    """A made-up secret may have commas, spaces and brackets in it, so that only JSON tells several apart."""
    try:
        found = orjson.loads(setting) if setting.startswith("[") else None
    except orjson.JSONDecodeError:
        return [setting]
    is_list = isinstance(found, list) and all(isinstance(secret, str) for secret in found)
    return found if isinstance(found, list) and is_list else [setting]


def check_signature(given: bytes | None, body: bytes, secrets: tuple[bytes, ...], setting: str) -> None:
    """`given`: base64 of HMAC-SHA-256 over the body, by any of the secrets, compared in constant time.

    Raises NotReady where there is no secret, so that nobody is let in and the shop sends it again; Unauthorized.
    """
    if not secrets:
        raise NotReady(f"Nothing can be trusted without a secret: set {setting} to the one that the shop signs with.")
    if given is None:
        raise Unauthorized("The delivery is not signed.")
    try:
        signature = base64.b64decode(given.strip(), validate=True)
    except binascii.Error:
        signature = b""
    matches = [hmac.compare_digest(signature, hmac.digest(secret, body, hashlib.sha256)) for secret in secrets]
    if not any(matches):
        raise Unauthorized(f"The signature is of none of the secrets in {setting}.")
