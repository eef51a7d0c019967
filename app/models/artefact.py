"""The model artefact as the server reads it: manifest and step tables, checked; never a pickle."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.drift import check_reference
from app.lifecycle.features import FEATURES, feature_digest
from app.lifecycle.scorer import Scorecard, unpack
from app.lifecycle.value import ValueCurve

FORMAT: Final = 2
MANIFEST: Final = "manifest.json"
TABLES: Final = "tables.npz"
CARD: Final = "card.md"
DRIFT: Final = "drift."


class ArtefactRefused(Exception):
    """The artefact is not what its manifest says, or not for this version; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. `rhythm_days` is the usual gap between orders in the training data; `method` names
    the way it was learned; `drift` is the reference of `app.lifecycle.drift`."""

    version: str
    horizon_days: int
    scorecard: Scorecard
    value: ValueCurve
    rhythm_days: float
    trained_at: datetime
    data_until: datetime
    simulated: bool
    method: str
    drift: Mapping[str, NDArray[Any]]
    manifest: Mapping[str, Any]


def canonical_manifest(members: Mapping[str, Any]) -> bytes:
    """The manifest's bytes: its members, sorted, and last a digest of all before."""
    plain = {name: value for name, value in members.items() if name != "sha256"}
    body = json.dumps(plain, sort_keys=True, ensure_ascii=False, indent=1)
    return json.dumps(
        {**plain, "sha256": hashlib.sha256(body.encode()).hexdigest()},
        sort_keys=True,
        ensure_ascii=False,
        indent=1,
    ).encode()


def load_model(directory: Path) -> Model:
    """`read_artefact` of a directory that holds every file its manifest names. Raises ArtefactRefused."""
    try:
        manifest = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise ArtefactRefused(f"{directory.name}: the manifest cannot be read.") from error
    files = {MANIFEST: manifest}
    for name in _check_manifest(directory.name, manifest)["files"]:
        try:
            files[name] = (directory / Path(name).name).read_bytes()
        except OSError as error:
            raise ArtefactRefused(f"{directory.name}: {Path(name).name} is missing.") from error
    return read_artefact(directory.name, files)


def read_artefact(name: str, files: Mapping[str, bytes]) -> Model:
    """The model in an artefact's files; `name` is the version it is kept under.

    The manifest and the tables must be there; of the others, those that are. Raises ArtefactRefused: a file
    is missing, cut, changed by as much as a bit or not one of its own, the format or the definition of the
    features is another, the tables do not fit.
    """
    if MANIFEST not in files:
        raise ArtefactRefused(f"{name}: the manifest cannot be read.")
    manifest = _check_manifest(name, files[MANIFEST])
    _check_digests(name, files, manifest["files"])
    if manifest.get("feature_digest") != feature_digest():
        raise ArtefactRefused(f"{name}: it was trained on features of another definition.")
    try:
        return _read_model(manifest, _read_arrays(files[TABLES]))
    except (LookupError, TypeError, ValueError, BadZipFile) as error:
        raise ArtefactRefused(f"{name}: its content does not fit ({error}).") from error


def _check_manifest(name: str, content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ArtefactRefused(f"{name}: the manifest cannot be read.") from error
    if not isinstance(manifest, dict) or canonical_manifest(manifest) != content:
        raise ArtefactRefused(f"{name}: the manifest does not match its own digest.")
    if manifest.get("format") != FORMAT:
        raise ArtefactRefused(f"{name}: its format is not {FORMAT}.")
    if manifest.get("version") != name:
        raise ArtefactRefused(f"{name}: the manifest is of another version.")
    digests = manifest.get("files")
    if not isinstance(digests, dict) or TABLES not in digests:
        raise ArtefactRefused(f"{name}: the manifest names no tables.")
    return manifest


def _check_digests(name: str, files: Mapping[str, bytes], digests: Mapping[str, Any]) -> None:
    if TABLES not in files:
        raise ArtefactRefused(f"{name}: {TABLES} is missing.")
    for file, content in files.items():
        if file == MANIFEST:
            continue
        if file not in digests:
            raise ArtefactRefused(f"{name}: {Path(file).name} is none of its files.")
        if hashlib.sha256(content).hexdigest() != digests[file]:
            raise ArtefactRefused(f"{name}: {Path(file).name} does not match its digest.")


def _read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _read_model(manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Raises ValueError, TypeError or LookupError where something is not what it must be."""
    horizon_days, rhythm_days = int(manifest["horizon_days"]), float(manifest["population"]["rhythm_days"])
    if horizon_days < 1 or not isfinite(rhythm_days):
        raise ValueError("a horizon or a usual gap that is none")
    drift = {name.removeprefix(DRIFT): array for name, array in arrays.items() if name.startswith(DRIFT)}
    if drift:
        check_reference(drift)
    return Model(
        version=str(manifest["version"]),
        horizon_days=horizon_days,
        scorecard=unpack(arrays, len(FEATURES)),
        value=_read_curve(arrays["value.spend_minor"], arrays["value.share"]),
        rhythm_days=rhythm_days,
        trained_at=datetime.fromisoformat(manifest["created_at"]),
        data_until=datetime.fromisoformat(manifest["training"]["data_until"]),
        simulated=bool(manifest["data"]["simulated"]),
        method=str(manifest["method"]),
        drift=drift,
        manifest=manifest,
    )


def _read_curve(spend_minor: NDArray[Any], share: NDArray[Any]) -> ValueCurve:
    spend_minor, share = spend_minor.astype(np.float64), share.astype(np.float64)
    falls, rises = (np.diff(spend_minor) < 0).all(), (np.diff(share) > 0).all()
    if spend_minor.shape != share.shape or spend_minor.ndim != 1 or not (falls and rises):
        raise ValueError("a curve of value that is none")
    if not np.isfinite(np.concatenate([spend_minor, share])).all():
        raise ValueError("a curve of value that holds what is no number")
    return ValueCurve(spend_minor, share)
