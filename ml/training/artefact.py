"""Writing model artefacts: a directory that appears whole."""

import hashlib
import importlib.metadata
import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.definitions import FEATURE_DIGESTS, digest_together
from app.lifecycle.packing import pack
from app.lifecycle.prospects import ProspectCard, pack_prospects
from app.lifecycle.scorer import Scorecard
from app.lifecycle.value import ValueCurve
from app.models.artefact import (
    CARD,
    DRIFT,
    FORMAT,
    MANIFEST,
    TABLES,
    Definition,
    canonical_manifest,
)

ESTIMATORS: Final = "model.joblib"
_LIBRARIES: Final = ("scikit-learn", "numpy", "scipy", "joblib", "duckdb", "ibis-framework")


class Parts(NamedTuple):
    """What an artefact is made of. `drift` are the arrays of `app.lifecycle.drift.reference`; `estimators`
    is what was fitted, for audit and never read by the server; `card` renders the manifest for people; `prospects` says
    what is foretold of who never bought."""

    scorecard: Scorecard
    value: ValueCurve
    drift: Mapping[str, NDArray[Any]]
    estimators: Mapping[str, Any]
    card: Callable[[Mapping[str, Any]], str]
    prospects: ProspectCard | None = None


def write_arrays(
    models_directory: Path,
    made_at: datetime,
    definition: Definition,
    arrays: Mapping[str, Any],
    members: Mapping[str, Any],
    libraries: Sequence[str],
    render_card: Callable[[Mapping[str, Any]], str] | None = None,
) -> Path:
    """Writes `<models>/<version>/` of a kind that is nothing but arrays; the directory. Of the same arrays the same
    digest. `members` of the manifest: data.simulated and whatever else is worth telling; the card is made of it."""
    made_at = made_at.astimezone(UTC).replace(microsecond=0)
    tables = _compress(arrays)
    digest = hashlib.sha256(tables).hexdigest()
    prefix = f"demo-{definition.kind}" if members["data"]["simulated"] else definition.kind
    version = f"{prefix}-{made_at:%Y%m%dT%H%M%S}-{digest[:8]}"
    manifest = {
        **members,
        "kind": definition.kind,
        "format": definition.formats[-1],
        "version": version,
        "created_at": made_at.isoformat(),
        definition.member: definition.digest,
        "libraries": {name: importlib.metadata.version(name) for name in libraries},
    }
    files = {TABLES: tables} | ({} if render_card is None else {CARD: render_card(manifest).encode()})
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return write_files(models_directory, version, {**files, MANIFEST: canonical_manifest(manifest)})


def write_artefact(
    models_directory: Path, kind: str, made_at: datetime, parts: Parts, members: Mapping[str, Any]
) -> Path:
    """Writes `<models>/<version>/`; the directory. It is in force only once the registry says so.

    `members` of the manifest: horizon_days, method, population.rhythm_days, training.data_until,
    data.simulated and whatever else is worth telling. The version is kind, time in UTC and the first digits
    of the tables' digest. Everything is written beside and renamed, so that no reader ever sees half of it,
    whatever is killed when.
    """
    made_at = made_at.astimezone(UTC).replace(microsecond=0)
    tables = _tables(parts)
    version = f"{kind}-{made_at:%Y%m%dT%H%M%S}-{hashlib.sha256(tables).hexdigest()[:8]}"
    manifest = {
        **members,
        "format": FORMAT,
        "version": version,
        "created_at": made_at.isoformat(),
        "features": list(FEATURE_DIGESTS),
        "feature_digests": dict(FEATURE_DIGESTS),
        "feature_digest": digest_together(FEATURE_DIGESTS),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
    files = {TABLES: tables, ESTIMATORS: _dump(parts.estimators), CARD: parts.card(manifest).encode()}
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return write_files(models_directory, version, {**files, MANIFEST: canonical_manifest(manifest)})


def write_files(models_directory: Path, version: str, files: Mapping[str, bytes]) -> Path:
    """Makes `<models>/<version>/` of all the files at once; the directory."""
    draft = models_directory / f".{version}.{os.getpid()}"
    draft.mkdir(parents=True)
    try:
        for name, content in files.items():
            _write_durably(draft / name, content)
        _sync(draft)
        directory = models_directory / version
        if not directory.exists():  # else made in the same second from the same tables
            draft.rename(directory)
            _sync(models_directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return directory


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


def _tables(parts: Parts) -> bytes:
    arrays = pack(parts.scorecard)
    arrays |= {} if parts.prospects is None else pack_prospects(parts.prospects)
    arrays |= {"value.spend_minor": parts.value.spend_minor, "value.share": parts.value.share}
    arrays |= {f"{DRIFT}{name}": array for name, array in parts.drift.items()}
    return _compress(arrays)


def _compress(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _dump(estimators: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(dict(estimators), buffer, compress=3)
    return buffer.getvalue()
