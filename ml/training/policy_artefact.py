"""Writing the artefact of a learned policy."""

import hashlib
import importlib.metadata
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.lifecycle.learned_effects import CAUTION, FEATURES, FEWEST_SHOWN, STAGES, TERMS, LearnedEffects
from app.models.artefact import MANIFEST, TABLES, canonical_manifest
from app.models.policy_artefact import ARRAYS, EFFECTS_DIGEST, FORMAT, IDS, KIND
from ml.training.artefact import write_files

_LIBRARIES: Final = ("numpy",)


def write_policy_artefact(
    models_directory: Path, made_at: datetime, effects: LearnedEffects, members: Mapping[str, Any]
) -> Path:
    """Writes `<models>/<version>/`; the directory. Of the same arrays the same digest.

    `members` of the manifest: horizon_days, training.data_from, training.data_until, data.simulated and what else is
    worth telling.
    """
    made_at = made_at.astimezone(UTC).replace(microsecond=0)
    arrays = {name: getattr(effects, name) for name in ARRAYS}
    arrays[IDS] = np.frombuffer("\0".join(effects.action_ids).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
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
        "features": list(FEATURES),
        "stages": list(STAGES),
        "terms": list(TERMS),
        "caution": CAUTION,
        "fewest_shown": FEWEST_SHOWN,
        "effects_digest": EFFECTS_DIGEST,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "files": {TABLES: digest},
    }
    return write_files(models_directory, version, {TABLES: tables, MANIFEST: canonical_manifest(manifest)})
