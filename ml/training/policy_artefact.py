"""Writing the artefact of a learned policy."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.lifecycle.learned_effects import CAUTION, FEATURES, FEWEST_SHOWN, STAGES, TERMS, LearnedEffects
from app.models.policy_artefact import ARRAYS, DEFINITION, IDS, RESPONSES
from ml.report.policy_card import render_policy_card
from ml.training.artefact import write_arrays

_LIBRARIES: Final = ("numpy",)


def write_policy_artefact(
    models_directory: Path, made_at: datetime, effects: LearnedEffects, members: Mapping[str, Any]
) -> Path:
    """Writes `<models>/<version>/`; the directory. Of the same arrays the same digest.

    `members` of the manifest: horizon_days, training.data_from, training.data_until, data.simulated and what else is
    worth telling.
    """
    arrays = {name: getattr(effects, name) for name in ARRAYS}
    if effects.responses is not None:
        arrays |= {f"response_{name}": getattr(effects.responses, name) for name in RESPONSES}
    arrays[IDS] = np.frombuffer("\0".join(effects.action_ids).encode(), np.uint8)
    told = {
        **members,
        "features": list(FEATURES),
        "stages": list(STAGES),
        "terms": list(TERMS),
        "caution": CAUTION,
        "fewest_shown": FEWEST_SHOWN,
    }
    return write_arrays(models_directory, made_at, DEFINITION, arrays, told, _LIBRARIES, render_policy_card)
