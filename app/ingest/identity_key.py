"""The secret that keys the hashes of identifiers."""

import os
import secrets
from pathlib import Path

from app.foundation.settings import Settings


def read_identity_key(settings: Settings) -> bytes:
    """PERENNIAL_IDENTITY_KEY, or the one kept under `home`, which is made at the first start.

    Losing it means that known phones and e-mails are not recognised again.
    """
    if settings.identity_key is not None:
        return settings.identity_key.encode()
    path = settings.home / "identity-key"
    if not path.exists():
        _write_new(path)
    return path.read_bytes()


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
