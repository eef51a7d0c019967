"""Artefacts in directories → rows of the registry."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.foundation.errors import Refusal
from app.models.artefact import CARD, MANIFEST, TABLES, ArtefactRefused
from app.models.kinds import AnyModel, Kind, kind_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_directory(directory: Path) -> tuple[Kind, AnyModel, dict[str, bytes]]:
    """An artefact whose every file is as its manifest says, its kind, and the files that the registry keeps.

    Raises Refusal.
    """
    directory = directory.resolve()  # the version is its name
    try:
        manifest = directory / MANIFEST
        kind = kind_of(directory.name, manifest.read_bytes() if manifest.exists() else b"")
        kind.load(directory)
        kept = (directory / name for name in (MANIFEST, TABLES, CARD))
        files = {path.name: path.read_bytes() for path in kept if path.exists()}
        return kind, kind.read(directory.name, files), files
    except ArtefactRefused as error:
        raise Refusal(f"The model is refused. {error}") from error
    except OSError as error:
        raise Refusal(f"The model cannot be read ({type(error).__name__}).") from error


def row_of(kind: Kind, model: AnyModel, files: dict[str, bytes], now_us: int) -> dict[str, Any]:
    """But for the state. Raises LookupError, TypeError or ValueError: the manifest lacks something."""
    card = files.get(CARD)
    return {
        "version": model.version,
        "kind": kind.name,
        "is_simulated": model.simulated,
        "horizon_days": model.horizon_days,
        "feature_digest": model.manifest[kind.digest],
        "sha256": hashlib.sha256(files[MANIFEST]).hexdigest(),
        "data_from_us": _us_of(model.manifest["training"]["data_from"]),
        "data_until_us": _us_of(model.manifest["training"]["data_until"]),
        "metrics": model.manifest.get("metrics", {}),
        "registered_us": now_us,
        "changed_us": now_us,
        "manifest": files[MANIFEST],
        "tables": files[TABLES],
        "card": None if card is None else card.decode(),
    }


def _us_of(time: str) -> int:
    return round((datetime.fromisoformat(time) - _EPOCH).total_seconds() * 1e6)
