"""The artefact of a model of sentiment: a manifest and the arrays of its terms, checked; never a pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.lifecycle.sentiment import (
    LONGEST_RUN,
    NEGATED,
    NEGATION_REACH,
    PIECE,
    PIECE_SIZES,
    SentimentTerms,
)
from app.models.artefact import Definition, read_directory_files

KIND: Final = "sentiment"
FORMAT: Final = 1
TERMS: Final = "terms"
SEPARATOR: Final = "\0"
TERMS_DIGEST: Final = hashlib.sha256(
    json.dumps([1, LONGEST_RUN, PIECE_SIZES, NEGATION_REACH, NEGATED, PIECE]).encode()
).hexdigest()
"""Of what terms are made of a text, and of the version of what that means."""


@dataclass(frozen=True, slots=True)
class SentimentModel:
    """A loaded model of sentiment."""

    version: str
    terms: SentimentTerms
    trained_at: datetime
    simulated: bool
    manifest: Mapping[str, Any]
    horizon_days: int = 0
    """It foretells nothing."""


DEFINITION: Final = Definition(KIND, (FORMAT,), "terms_digest", TERMS_DIGEST, "model of sentiment", "terms")
is_sentiment_servable = DEFINITION.is_servable


def load_sentiment_model(directory: Path) -> SentimentModel:
    """`read_sentiment_artefact` of a directory that holds every file its manifest names. Raises ArtefactRefused."""
    return read_sentiment_artefact(directory.name, read_directory_files(directory, (FORMAT,)))


def read_sentiment_artefact(name: str, files: Mapping[str, bytes]) -> SentimentModel:
    """`Definition.read`. Raises ArtefactRefused."""
    return DEFINITION.read(name, files, _read)


def _read(manifest: Mapping[str, Any], arrays: Mapping[str, Any]) -> SentimentModel:
    """Raises ValueError, TypeError or LookupError where something is not what it must be."""
    names = bytes(arrays[TERMS]).decode().split(SEPARATOR)
    scales, weights = (np.asarray(arrays[name], np.float64) for name in ("scales", "weights"))
    intercept, slope, shift, low, high = (float(each) for each in np.asarray(arrays["line"], np.float64))
    if not np.isfinite([intercept, slope, shift, *scales, *weights]).all() or not 0 <= low <= high <= 1 or slope <= 0:
        raise ValueError("what is no number, or no line")
    weighed = zip(scales.tolist(), weights.tolist(), strict=True)
    terms = SentimentTerms(dict(zip(names, weighed, strict=True)), intercept, slope, shift, low, high)
    return SentimentModel(
        version=str(manifest["version"]),
        terms=terms,
        trained_at=datetime.fromisoformat(manifest["created_at"]),
        simulated=bool(manifest["data"]["simulated"]),
        manifest=manifest,
    )
