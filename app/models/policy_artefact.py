"""The artefact of a learned policy: a manifest, the actions' ids, and the arrays of their effects, checked; never a
pickle. Effects of other features or stages are refused, whatever else fits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.lifecycle.learned_effects import FEATURES, STAGES, TERMS, Floats, LearnedEffects
from app.models.artefact import Definition, read_directory_files

KIND: Final = "policy"
FORMAT: Final = 1
IDS: Final = "action_ids"
ARRAYS: Final = ("terms", "covariances", "shown", "centres", "scales")
RESPONSES: Final = ("terms", "covariances", "shown")
"""Of responses, where these were learned: named with `response_` before."""
EFFECTS_DIGEST: Final = hashlib.sha256(json.dumps([1, FEATURES, STAGES, TERMS]).encode()).hexdigest()
"""Of what effects are sums of, in its order, and of the version of what that means."""
UNANSWERED: Final = frozenset(("few_effective", "lacking_support"))
"""Warnings of a log that cannot answer."""


@dataclass(frozen=True, slots=True)
class PolicyModel:
    """A loaded policy. `horizon_days` is how long after a decision what came counted."""

    version: str
    effects: LearnedEffects
    horizon_days: int
    trained_at: datetime
    data_until: datetime
    simulated: bool
    manifest: Mapping[str, Any]


DEFINITION: Final = Definition(KIND, (FORMAT,), "effects_digest", EFFECTS_DIGEST, "policy", "effects")
is_policy_servable = DEFINITION.is_servable


def load_policy_model(directory: Path) -> PolicyModel:
    """`read_policy_artefact` of a directory that holds every file its manifest names. Raises ArtefactRefused."""
    return read_policy_artefact(directory.name, read_directory_files(directory, (FORMAT,)))


def read_policy_artefact(name: str, files: Mapping[str, bytes]) -> PolicyModel:
    """`Definition.read`. Raises ArtefactRefused."""
    return DEFINITION.read(name, files, _read)


def _read(manifest: Mapping[str, Any], arrays: Mapping[str, Any]) -> PolicyModel:
    """Raises ValueError, TypeError or LookupError where something is not what it must be."""
    ids = tuple(bytes(arrays[IDS]).decode().split("\0"))
    terms, covariances, centres, scales = (
        np.asarray(arrays[name], np.float64) for name in ("terms", "covariances", "centres", "scales")
    )
    responses = _read_responses(ids, arrays, centres, scales)
    shown = np.asarray(arrays["shown"], np.int64)
    effects = LearnedEffects(ids, terms, covariances, shown, centres, scales, responses)
    horizon_days = int(manifest["horizon_days"])
    if horizon_days < 1:
        raise ValueError("a horizon that is none")
    return PolicyModel(
        version=str(manifest["version"]),
        effects=effects,
        horizon_days=horizon_days,
        trained_at=datetime.fromisoformat(manifest["created_at"]),
        data_until=datetime.fromisoformat(manifest["training"]["data_until"]),
        simulated=bool(manifest["data"]["simulated"]),
        manifest=manifest,
    )


def _read_responses(
    ids: tuple[str, ...], arrays: Mapping[str, Any], centres: Floats, scales: Floats
) -> LearnedEffects | None:
    if "response_terms" not in arrays:
        return None
    terms, covariances = (np.asarray(arrays[f"response_{name}"], np.float64) for name in ("terms", "covariances"))
    return LearnedEffects(ids, terms, covariances, np.asarray(arrays["response_shown"], np.int64), centres, scales)


def find_doubt(metrics: Mapping[str, Any]) -> str | None:
    """Why what the log says of a policy, by its manifest, does not let it decide by itself in the place of the rules;
    None: it is not worse than they are."""
    lead, told = metrics.get("leads", {}).get("rules"), metrics.get("policies", {}).get("learned", {})
    if lead is None:
        return "It was not judged beside the rules."
    if told["doubly_robust"] is None or UNANSWERED.intersection(told["warnings"]):
        return f"The log cannot say whether it is worse than the rules ({', '.join(told['warnings'])})."
    return None if lead["value"] >= 0 else f"By the log it is worse than the rules: {tell_lead(lead)}."


def tell_gain(metrics: Mapping[str, Any]) -> str:
    """How much more than the rules a policy brings by the log, in a sentence."""
    return f"By the log it brings {tell_lead(metrics['leads']['rules'])} more than the rules."


def tell_lead(lead: Mapping[str, float]) -> str:
    """How much more a decision brings, in words."""
    return f"{lead['value']:+.4f} a decision ({lead['low']:+.4f} to {lead['high']:+.4f})"
