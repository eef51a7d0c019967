"""Writing model artefacts: a directory that appears whole, and the pointer to the one in force."""

import hashlib
import importlib.metadata
import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np

from app.lifecycle.features import FEATURE_NAMES, feature_digest
from app.lifecycle.scorer import pack
from app.scores.artefact import CURRENT, FORMAT, MANIFEST, TABLES, canonical_manifest
from ml.additive import AdditiveModel

ESTIMATORS: Final = "model.joblib"
_LIBRARIES: Final = ("scikit-learn", "numpy", "scipy", "joblib")


def write_artefact(
    models_directory: Path, kind: str, made_at: str, model: AdditiveModel, members: Mapping[str, Any]
) -> Path:
    """Writes `<models>/<version>/` and puts it in force; the directory.

    The version is kind, time (`made_at`, ISO 8601) and the first digits of the tables' digest. Everything
    is written beside and renamed, so that no reader ever sees half of it.
    """
    files = {TABLES: _tables(model), ESTIMATORS: _estimators(model)}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    stamp = made_at[:19].replace("-", "").replace(":", "")
    version = f"{kind}-{stamp}-{digests[TABLES][:8]}"
    manifest = {
        "format": FORMAT,
        "version": version,
        "created_at": made_at,
        "features": list(FEATURE_NAMES),
        "feature_digest": feature_digest(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "files": digests,
        **members,
    }
    draft = models_directory / f".{version}.{os.getpid()}"
    draft.mkdir(parents=True)
    for name, content in {**files, MANIFEST: canonical_manifest(manifest)}.items():
        _write_durably(draft / name, content)
    directory = models_directory / version
    shutil.rmtree(directory, ignore_errors=True)
    draft.rename(directory)
    put_in_force(models_directory, version)
    return directory


def put_in_force(models_directory: Path, version: str) -> None:
    """Makes `version` the one that servers load."""
    draft = models_directory / f".{CURRENT}.{os.getpid()}"
    _write_durably(draft, version.encode())
    draft.replace(models_directory / CURRENT)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _tables(model: AdditiveModel) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"churn.{name}": array for name, array in pack(model.tables).items()}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _estimators(model: AdditiveModel) -> bytes:
    buffer = io.BytesIO()
    joblib.dump({"churn": model.estimator, "edges": model.edges}, buffer)
    return buffer.getvalue()
