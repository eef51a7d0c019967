"""How often texts are called what their writers felt."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from app.foundation.errors import Refusal
from app.lifecycle.sentiment import SentimentTerms
from ml.data.reviews import make_texts
from ml.learning.sentiment import fit_sentiment

_FOLDS: Final = 3
_MOST_JUDGED: Final = 6000
"""Texts that folds are drawn of: to say how good a model is, more are not needed."""
_SEED: Final = 20260101
Told = Sequence[tuple[str, int]]


def evaluate_sentiment(known: Told, asked: Told) -> dict[str, Any]:
    """Learns of `known` and judges on `asked`: n, accuracy, auc (good against bad), and how many of the texts asked for
    were known and so left out of learning. Where no text asked for is neither, each is called good or bad.

    Raises Refusal where too little is known.
    """
    texts = {words for words, _ in asked}
    learnt = [each for each in known if each[0] not in texts]
    try:
        terms = fit_sentiment(make_texts(learnt))
    except ValueError as error:
        raise Refusal(f"Sentiment is not learned: {error}.") from error
    return {**judge(terms, asked), "known_before": len(known) - len(learnt)}


def judge(terms: SentimentTerms, asked: Told) -> dict[str, Any]:
    """The members n, accuracy and auc; auc None where all are good, or none is."""
    odds = np.array([terms.log_odds(words) for words, _ in asked])
    labels = np.array([label for _, label in asked])
    if (labels == 0).any():
        signs = {"positive": 1, "neutral": 0, "negative": -1}
        found = [terms.judge(words) for words, _ in asked]
        called = np.array([0 if isinstance(each, str) else signs[each.feeling] for each in found])
    else:
        called = np.where(odds > 0, 1, -1)
    is_told = labels != 0
    has_both = len(set(labels[is_told].tolist())) == 2
    return {
        "n": len(asked),
        "accuracy": round(float((called == labels).mean()), 6),
        "auc": round(float(roc_auc_score(labels[is_told] > 0, odds[is_told])), 6) if has_both else None,
    }


def judge_folds(known: Told) -> dict[str, Any]:
    """The same of texts that had no part in learning, a third of them after another."""
    draw = np.random.default_rng(_SEED)
    places = draw.permutation(len(known))[:_MOST_JUDGED]
    chosen = [known[at] for at in places]
    labels = [label for _, label in chosen]
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    found = []
    for learnt, left in folds.split(labels, labels):
        terms = fit_sentiment(make_texts([chosen[at] for at in learnt]))
        found.append(judge(terms, [chosen[at] for at in left]))
    aucs = [each["auc"] for each in found if each["auc"] is not None]
    return {
        "n": sum(each["n"] for each in found),
        "accuracy": round(
            float(np.average([each["accuracy"] for each in found], weights=[each["n"] for each in found])), 6
        ),
        "auc": round(float(np.mean(aucs)), 6) if aucs else None,
        "folds": _FOLDS,
    }
