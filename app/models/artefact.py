"""The model artefact as the server reads it: manifest and step tables, checked; never a pickle."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from app.lifecycle import drift, packing, scorer
from app.lifecycle.definitions import FEATURE_DIGESTS, digest_together
from app.lifecycle.prospects import ProspectCard, unpack_prospects
from app.lifecycle.scorer import Scorecard
from app.lifecycle.value import ValueCurve
from app.models.releases import DIGESTS_THEN

FORMAT: Final = 3
"""Since 3 the spend may have terms of own money; who reads 2 alone would leave them out."""
READABLE: Final = (2, 3)
MANIFEST: Final = "manifest.json"
TABLES: Final = "tables.npz"
CARD: Final = "card.md"
DRIFT: Final = "drift."
Arrays = Mapping[str, Any]
Built = TypeVar("Built")


class ArtefactRefused(Exception):
    """The artefact is not what its manifest says, or not for this version; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model, its tables in the order of this version's FEATURES; those it does not know have no say.

    `rhythm_days` is the usual gap between orders in the training data; `method` names the way it was learned;
    `drift` is the reference of `app.lifecycle.drift`; `prospects` says what is foretold of who never bought, None: it
    is older than that.
    """

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
    prospects: ProspectCard | None = None


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
    return read_artefact(directory.name, read_directory_files(directory, READABLE))


def read_directory_files(directory: Path, formats: Sequence[int]) -> dict[str, bytes]:
    """Every file that an artefact's manifest names, and that. Raises ArtefactRefused."""
    try:
        manifest = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise ArtefactRefused(f"{directory.name}: the manifest cannot be read.") from error
    files = {MANIFEST: manifest}
    for name in check_manifest(directory.name, manifest, formats)["files"]:
        try:
            files[name] = (directory / Path(name).name).read_bytes()
        except OSError as error:
            raise ArtefactRefused(f"{directory.name}: {Path(name).name} is missing.") from error
    return files


def read_artefact(name: str, files: Mapping[str, bytes]) -> Model:
    """The model in an artefact's files; `name` is the version it is kept under.

    The manifest and the tables must be there; of the others, those that are. Raises ArtefactRefused: a file
    is missing, cut, changed by as much as a bit or not one of its own, the format is another, one of its features is
    not there any more or means something else, the tables do not fit.
    """
    if MANIFEST not in files:
        raise ArtefactRefused(f"{name}: the manifest cannot be read.")
    manifest = check_manifest(name, files[MANIFEST], READABLE)
    check_digests(name, files, manifest["files"])
    names = _check_features(name, manifest)
    try:
        return _read_model(manifest, names, read_arrays(files[TABLES]))
    except (LookupError, TypeError, ValueError, BadZipFile) as error:
        raise ArtefactRefused(f"{name}: its content does not fit ({error}).") from error


def is_servable(name: str, manifest: bytes) -> bool:
    """Whether this version can serve the model, as far as its manifest says."""
    try:
        _check_features(name, check_manifest(name, manifest, READABLE))
    except ArtefactRefused:
        return False
    return True


class Definition(NamedTuple):
    """What artefacts of a kind have in common. `digest` is that of what their inputs mean, as the member `member` of
    the manifest; `what` and `inputs` are what they are and what they are made of, in words."""

    kind: str
    formats: Sequence[int]
    member: str
    digest: str
    what: str
    inputs: str

    def read(self, name: str, files: Mapping[str, bytes], build: Callable[[dict[str, Any], Arrays], Built]) -> Built:
        """What `build` makes of the manifest and the arrays of an artefact's files; `name` is the version it is kept
        under.

        Raises ArtefactRefused: a file is missing, cut or changed, the format or the kind is another, its inputs are of
        another definition, the arrays do not fit: `build` raised LookupError, TypeError or ValueError.
        """
        if MANIFEST not in files:
            raise ArtefactRefused(f"{name}: the manifest cannot be read.")
        manifest = check_manifest(name, files[MANIFEST], self.formats)
        if manifest.get("kind") != self.kind:
            raise ArtefactRefused(f"{name}: it is no {self.what}.")
        check_digests(name, files, manifest["files"])
        if manifest.get(self.member) != self.digest:
            raise ArtefactRefused(f"{name}: it was made of {self.inputs} of another definition.")
        try:
            return build(manifest, read_arrays(files[TABLES]))
        except (LookupError, TypeError, ValueError, BadZipFile) as error:
            raise ArtefactRefused(f"{name}: its content does not fit ({error}).") from error

    def is_servable(self, name: str, manifest: bytes) -> bool:
        """Whether this version can serve the model, as far as its manifest says."""
        try:
            members = check_manifest(name, manifest, self.formats)
        except ArtefactRefused:
            return False
        return (members.get("kind"), members.get(self.member)) == (self.kind, self.digest)


def check_manifest(name: str, content: bytes, formats: Sequence[int]) -> dict[str, Any]:
    """The manifest of one of the formats, by its own digest. Raises ArtefactRefused."""
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ArtefactRefused(f"{name}: the manifest cannot be read.") from error
    if not isinstance(manifest, dict) or canonical_manifest(manifest) != content:
        raise ArtefactRefused(f"{name}: the manifest does not match its own digest.")
    if manifest.get("format") not in formats:
        raise ArtefactRefused(f"{name}: its format is none of {', '.join(map(str, formats))}.")
    if manifest.get("version") != name:
        raise ArtefactRefused(f"{name}: the manifest is of another version.")
    digests = manifest.get("files")
    if not isinstance(digests, dict) or TABLES not in digests:
        raise ArtefactRefused(f"{name}: the manifest names no tables.")
    return manifest


def _check_features(name: str, manifest: Mapping[str, Any]) -> list[str]:
    """The model's features, in the order of its tables. Each must be there, and mean what it meant then."""
    then = _read_features(manifest)
    if then is None:
        raise ArtefactRefused(f"{name}: it was trained on features of another definition.")
    for feature, digest in then.items():
        if feature not in FEATURE_DIGESTS:
            raise ArtefactRefused(f"{name}: it was trained on the feature {feature}, which this version does not have.")
        if digest != FEATURE_DIGESTS[feature]:
            raise ArtefactRefused(f"{name}: it was trained on another definition of the feature {feature}.")
    return list(then)


def _read_features(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Feature → digest, in the order of the tables. None: the manifest does not tell, and is of no release known."""
    names, together, each = (manifest.get(key) for key in ("features", "feature_digest", "feature_digests"))
    known = DIGESTS_THEN.get(str(together)) if each is None else each
    if not isinstance(names, list) or not isinstance(known, Mapping) or sorted(map(str, names)) != sorted(known):
        return None
    found = {name: known[name] for name in map(str, names)}
    return found if each is None or digest_together(found) == together else None


def check_digests(name: str, files: Mapping[str, bytes], digests: Mapping[str, Any]) -> None:
    """Raises ArtefactRefused where a file is not what the manifest says, or none of its own."""
    if TABLES not in files:
        raise ArtefactRefused(f"{name}: {TABLES} is missing.")
    for file, content in files.items():
        if file == MANIFEST:
            continue
        if file not in digests:
            raise ArtefactRefused(f"{name}: {Path(file).name} is none of its files.")
        if hashlib.sha256(content).hexdigest() != digests[file]:
            raise ArtefactRefused(f"{name}: {Path(file).name} does not match its digest.")


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Of an .npz; never a pickle."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _read_model(manifest: Mapping[str, Any], names: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Raises ValueError, TypeError or LookupError where something is not what it must be."""
    places = [names.index(feature) if feature in names else None for feature in FEATURE_DIGESTS]
    horizon_days, rhythm_days = int(manifest["horizon_days"]), float(manifest["population"]["rhythm_days"])
    if horizon_days < 1 or not isfinite(rhythm_days):
        raise ValueError("a horizon or a usual gap that is none")
    reference = {name.removeprefix(DRIFT): array for name, array in arrays.items() if name.startswith(DRIFT)}
    return Model(
        version=str(manifest["version"]),
        horizon_days=horizon_days,
        scorecard=scorer.place(packing.unpack(arrays, len(names)), places),
        value=_read_curve(arrays["value.spend_minor"], arrays["value.share"]),
        rhythm_days=rhythm_days,
        trained_at=datetime.fromisoformat(manifest["created_at"]),
        data_until=datetime.fromisoformat(manifest["training"]["data_until"]),
        simulated=bool(manifest["data"]["simulated"]),
        method=str(manifest["method"]),
        drift=drift.place(reference, places, len(names)) if reference else {},
        manifest=manifest,
        prospects=unpack_prospects(arrays, places),
    )


def _read_curve(spend_minor: NDArray[Any], share: NDArray[Any]) -> ValueCurve:
    spend_minor, share = spend_minor.astype(np.float64), share.astype(np.float64)
    falls, rises = (np.diff(spend_minor) < 0).all(), (np.diff(share) > 0).all()
    if spend_minor.shape != share.shape or spend_minor.ndim != 1 or not (falls and rises):
        raise ValueError("a curve of value that is none")
    if not np.isfinite(np.concatenate([spend_minor, share])).all():
        raise ValueError("a curve of value that holds what is no number")
    return ValueCurve(spend_minor, share)
