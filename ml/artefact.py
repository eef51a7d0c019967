"""Writing model artefacts: a directory that appears whole, and the pointer to the one in force."""

import hashlib
import importlib.metadata
import io
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np

from app.lifecycle.features import FEATURE_NAMES, feature_digest
from app.lifecycle.scorer import pack
from app.scores.artefact import CURRENT, FORMAT, MANIFEST, TABLES, canonical_manifest
from ml.additive import AdditiveModel

ESTIMATORS: Final = "model.joblib"
_LIBRARIES: Final = ("scikit-learn", "numpy", "scipy", "joblib", "duckdb", "ibis-framework")


def write_artefact(
    models_directory: Path, kind: str, made_at: datetime, model: AdditiveModel, members: Mapping[str, Any]
) -> Path:
    """Writes `<models>/<version>/` and puts it in force; the directory.

    The version is kind, time in UTC and the first digits of the tables' digest. Everything is written
    beside and renamed, so that no reader ever sees half of it, whatever is killed when.
    """
    files = {TABLES: _tables(model), ESTIMATORS: _estimators(model)}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    made_at = made_at.astimezone(UTC).replace(microsecond=0)
    version = f"{kind}-{made_at:%Y%m%dT%H%M%S}-{digests[TABLES][:8]}"
    manifest = {
        **members,
        "format": FORMAT,
        "version": version,
        "created_at": made_at.isoformat(),
        "features": list(FEATURE_NAMES),
        "feature_digest": feature_digest(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "files": digests,
    }
    draft = models_directory / f".{version}.{os.getpid()}"
    draft.mkdir(parents=True)
    try:
        for name, content in {**files, MANIFEST: canonical_manifest(manifest)}.items():
            _write_durably(draft / name, content)
        _sync(draft)
        directory = models_directory / version
        if not directory.exists():  # else made in the same second from the same tables
            draft.rename(directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    put_in_force(models_directory, version)
    return directory


def put_in_force(models_directory: Path, version: str) -> None:
    """Makes `version` the one that servers load."""
    draft = models_directory / f".{CURRENT}.{os.getpid()}"
    _write_durably(draft, version.encode())
    draft.replace(models_directory / CURRENT)
    _sync(models_directory)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tables(model: AdditiveModel) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"churn.{name}": array for name, array in pack(model.tables).items()}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _estimators(model: AdditiveModel) -> bytes:
    buffer = io.BytesIO()
    fitted = {"trees": model.trees, "line": model.line, "edges": model.edges, "periods": model.periods}
    joblib.dump(fitted, buffer, compress=3)
    return buffer.getvalue()
