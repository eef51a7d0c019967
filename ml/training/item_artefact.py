"""Writing the artefact of recommendations."""

import hashlib
import importlib.metadata
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.lifecycle.ranking.packing import pack
from app.lifecycle.ranking.ranker import ItemRanker
from app.lifecycle.ranking.signals import SIGNALS
from app.models.artefact import MANIFEST, TABLES, canonical_manifest
from app.models.item_artefact import FORMAT, IDS, KIND, SIGNALS_DIGEST
from ml.training.artefact import write_files

_LIBRARIES: Final = ("scikit-learn", "numpy", "scipy", "duckdb")


def write_item_artefact(
    models_directory: Path,
    made_at: datetime,
    ranker: ItemRanker,
    item_ids: Sequence[str],
    members: Mapping[str, Any],
) -> Path:
    """Writes `<models>/<version>/`; the directory. Of the same arrays the same digest.

    `members` of the manifest: training.data_from, training.data_until, data.simulated and what else is worth telling.
    An id holds no zero byte: events do not.
    """
    made_at = made_at.astimezone(UTC).replace(microsecond=0)
    ids = np.frombuffer("\0".join(item_ids).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **pack(ranker), **{IDS: ids})  # type: ignore[arg-type]
    tables = buffer.getvalue()
    digest = hashlib.sha256(tables).hexdigest()
    prefix = f"demo-{KIND}" if members["data"]["simulated"] else KIND
    version = f"{prefix}-{made_at:%Y%m%dT%H%M%S}-{digest[:8]}"
    manifest = {
        **members,
        "kind": KIND,
        "format": FORMAT,
        "version": version,
        "created_at": made_at.isoformat(),
        "signals": list(SIGNALS),
        "signals_digest": SIGNALS_DIGEST,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "files": {TABLES: digest},
    }
    return write_files(models_directory, version, {TABLES: tables, MANIFEST: canonical_manifest(manifest)})
