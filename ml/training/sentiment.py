"""Learning how writers of feedback feel, and the artefact of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.foundation.errors import Refusal
from app.lifecycle.sentiment import SentimentTerms, tell_language
from app.models.sentiment_artefact import DEFINITION, SEPARATOR, TERMS
from ml.data.reviews import make_texts, take_once
from ml.evaluation.sentiment import judge_folds
from ml.learning.sentiment import fit_sentiment
from ml.report.sentiment_card import render_sentiment_card
from ml.training.artefact import write_arrays

FEWEST: Final = 20
"""Good texts, and bad ones."""
FEWEST_DIFFERENT: Final = 3
"""Of them, to judge on others than those that were learned of."""
_LIBRARIES: Final = ("scikit-learn", "numpy", "scipy")
_NAMES: Final = {1: "positive", 0: "neutral", -1: "negative"}


@dataclass(frozen=True, slots=True)
class SentimentTraining:
    """What is learned of: texts with labels (1 good, 0 neither, −1 bad), where they are from, and of when."""

    told: Sequence[tuple[str, int]]
    source: str
    data_from: datetime
    data_until: datetime
    simulated: bool = False


def train_sentiment(training: SentimentTraining, models_directory: Path, made_at: datetime) -> Path:
    """Writes `<models>/<version>/`; the directory. Raises Refusal where too few texts are good or bad."""
    told = take_once(training.told)
    counts, different = (Counter(label for _, label in each) for each in (training.told, told))
    if min(counts[1], counts[-1]) < FEWEST or min(different[1], different[-1]) < FEWEST_DIFFERENT:
        raise Refusal(
            f"{counts[1]:,} texts are positive and {counts[-1]:,} negative, {different[1]:,} and {different[-1]:,} of "
            f"them different ones; {FEWEST} of each, {FEWEST_DIFFERENT} different ones, are needed to learn from."
        )
    known = make_texts(told)
    languages = Counter(tell_language(words) for words, _ in told)
    members = {
        "training": {
            "data_from": training.data_from.isoformat(),
            "data_until": training.data_until.isoformat(),
            "texts": {_NAMES[label]: count for label, count in sorted(counts.items(), reverse=True)},
            "languages": dict(sorted(languages.items())),
            "added": len(known.texts) - len(told),
        },
        "data": {"source": training.source, "simulated": training.simulated},
        "metrics": judge_folds(told),
    }
    return write_arrays(
        models_directory,
        made_at,
        DEFINITION,
        pack_sentiment(fit_sentiment(known)),
        members,
        _LIBRARIES,
        render_sentiment_card,
    )


def pack_sentiment(terms: SentimentTerms) -> Mapping[str, Any]:
    """The arrays of an artefact."""
    weighed = np.array(list(terms.weights.values()), np.float32).reshape(-1, 2)
    return {
        TERMS: np.frombuffer(SEPARATOR.join(terms.weights).encode(), np.uint8),
        "scales": weighed[:, 0],
        "weights": weighed[:, 1],
        "line": np.array([terms.intercept, terms.slope, terms.shift, terms.low, terms.high]),
    }
