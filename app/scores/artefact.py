"""The model artefact as the server reads it: manifest and step tables, checked; never a pickle."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from app.lifecycle.features import FEATURES, feature_digest
from app.lifecycle.scorer import StepTables, unpack

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
TABLES: Final = "tables.npz"
CURRENT: Final = "current"


class ArtefactRefused(Exception):
    """The artefact is not what its manifest says, or not for this version; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. `rhythm_days` is the usual gap between orders in the training data."""

    version: str
    horizon_days: int
    churn: StepTables
    rhythm_days: float
    trained_at: datetime
    data_until: datetime
    simulated: bool
    manifest: Mapping[str, Any]


def latest_version(models_directory: Path) -> str | None:
    """The version that is in force; None: there is none. Raises ArtefactRefused for what is no name."""
    try:
        return (models_directory / CURRENT).read_text().strip() or None
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ArtefactRefused(f"{CURRENT}: it names no version.") from error
    except OSError as error:
        raise ArtefactRefused(f"{CURRENT}: it cannot be read ({type(error).__name__}).") from error


def current_model(models_directory: Path, held: Model | None) -> Model | None:
    """The model in force: the one held if it is that, else loaded. Raises ArtefactRefused."""
    version = latest_version(models_directory)
    if version is None or (held is not None and held.version == version):
        return held
    return load_model(models_directory / version)


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
    """Reads and checks an artefact.

    Raises ArtefactRefused: a file is missing, cut or changed by as much as a bit, the format or the
    definition of the features is another, the tables do not fit.
    """
    manifest = _read_manifest(directory)
    files = _check_files(directory, manifest)
    if manifest.get("feature_digest") != feature_digest():
        raise ArtefactRefused(f"{directory.name}: it was trained on features of another definition.")
    try:
        with np.load(io.BytesIO(files[TABLES]), allow_pickle=False) as arrays:
            churn = _check_tables(
                unpack({name.removeprefix("churn."): arrays[name] for name in arrays.files}, len(FEATURES))
            )
        return Model(
            version=str(manifest["version"]),
            horizon_days=int(manifest["horizon_days"]),
            churn=churn,
            rhythm_days=float(manifest["population"]["rhythm_days"]),
            trained_at=datetime.fromisoformat(manifest["created_at"]),
            data_until=datetime.fromisoformat(manifest["training"]["data_until"]),
            simulated=bool(manifest["data"]["simulated"]),
            manifest=manifest,
        )
    except (LookupError, TypeError, ValueError, BadZipFile) as error:
        raise ArtefactRefused(f"{directory.name}: its content does not fit ({error}).") from error


def _check_tables(tables: StepTables) -> StepTables:
    """Raises ValueError where looking up would go wrong: edges that do not ascend, numbers that are none."""
    ascend = all(np.isfinite(edges).all() and (np.diff(edges) > 0).all() for edges in tables.edges)
    if not ascend or not np.isfinite(tables.intercept):
        raise ValueError("step tables whose edges do not ascend, or whose intercept is no number")
    return tables


def _read_manifest(directory: Path) -> dict[str, Any]:
    try:
        content = (directory / MANIFEST).read_bytes()
        manifest = json.loads(content)
    except (OSError, ValueError) as error:
        raise ArtefactRefused(f"{directory.name}: the manifest cannot be read.") from error
    if not isinstance(manifest, dict) or canonical_manifest(manifest) != content:
        raise ArtefactRefused(f"{directory.name}: the manifest does not match its own digest.")
    if manifest.get("format") != FORMAT:
        raise ArtefactRefused(f"{directory.name}: its format is not {FORMAT}.")
    if manifest.get("version") != directory.name:
        raise ArtefactRefused(f"{directory.name}: the manifest is of another version.")
    return manifest


def _check_files(directory: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """The content of every file that the manifest names, each as its digest says."""
    digests = manifest.get("files")
    if not isinstance(digests, dict) or TABLES not in digests:
        raise ArtefactRefused(f"{directory.name}: the manifest names no tables.")
    contents = {}
    for name, expected in digests.items():
        try:
            contents[name] = (directory / Path(name).name).read_bytes()
        except OSError as error:
            raise ArtefactRefused(f"{directory.name}: {Path(name).name} is missing.") from error
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise ArtefactRefused(f"{directory.name}: {Path(name).name} does not match its digest.")
    return contents
