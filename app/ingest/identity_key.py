"""The secret that keys the hashes of identifiers, and those that did before it was rotated."""

import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from app.foundation.errors import Refusal
from app.foundation.settings import Settings

_KEY: Final = "identity-key"
_FORMER: Final = "identity-key.former"
"""A key a line, the latest first."""
_ARMS: Final = "arms-key"


class IdentityKeys(NamedTuple):
    """By `current` identifiers are hashed; by `former` ones, the latest first, they are still found."""

    current: bytes
    former: tuple[bytes, ...] = ()


def read_identity_keys(settings: Settings) -> IdentityKeys:
    """PERENNIAL_IDENTITY_KEY and those before it, or the ones kept under `home`, of which the first is made at the
    first start.

    Losing them means that known phones and e-mails are not recognised again.
    """
    if settings.identity_key is not None:
        return IdentityKeys(settings.identity_key.encode(), _read_former(settings.former_identity_keys))
    path = settings.home / _KEY
    if not path.exists():
        _write_new(path)
    former = settings.home / _FORMER
    return IdentityKeys(path.read_bytes(), tuple(former.read_bytes().split()) if former.exists() else ())


def read_arms_key(settings: Settings) -> bytes:
    """The secret by which persons have their arms, and what has left is known: for ever the identity key that was the
    first, so that a rotation moves nobody into another arm."""
    if settings.arms_key is not None:
        return settings.arms_key.encode()
    path = settings.home / _ARMS
    if settings.identity_key is None and path.exists():
        return path.read_bytes()
    keys = read_identity_keys(settings)
    return (keys.current, *keys.former)[-1]


def rotate(settings: Settings) -> None:
    """A new key under `home`, beside the one that was. Raises Refusal where the key is set.

    Each file is whole or not at all, and the new key comes last: stopped in between, it is done anew.
    """
    if settings.identity_key is not None:
        raise Refusal(
            "The key is set: give PERENNIAL_IDENTITY_KEY a new secret, PERENNIAL_FORMER_IDENTITY_KEYS the one that it "
            "had, and PERENNIAL_ARMS_KEY the one that was the first, which says who is in which arm, and what has left."
        )
    keys, first = read_identity_keys(settings), read_arms_key(settings)
    _replace(settings.home / _ARMS, first)
    _replace(settings.home / _FORMER, b"\n".join(dict.fromkeys((keys.current, *keys.former))))
    _replace(settings.home / _KEY, secrets.token_hex(32).encode())


def forget_former(settings: Settings) -> int:
    """The former keys under `home`, and how many there were; whoever is known by them alone is not recognised again."""
    keys = read_identity_keys(settings)
    if settings.identity_key is not None and keys.former:
        raise Refusal(
            "The keys are set: take them out of PERENNIAL_FORMER_IDENTITY_KEYS, and leave PERENNIAL_ARMS_KEY."
        )
    (settings.home / _FORMER).unlink(missing_ok=True)
    return len(keys.former)


def _read_former(given: str | None) -> tuple[bytes, ...]:
    if not given:
        return ()
    return tuple(str(each).encode() for each in (orjson.loads(given) if given.startswith("[") else [given]))


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


def _write_new(path: Path) -> None:
    """Whole or not at all; of two processes that begin at once, one key wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_hex(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
