"""Learning how writers feel: a logistic regression of n-grams that are weighed by how good and bad texts use them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import normalize

from app.lifecycle.sentiment import SentimentTerms, count_terms, plain_text
from ml.data.reviews import LabelledTexts

MOST_TERMS: Final = 120_000
FEW_TEXTS: Final = 5000
_FOLDS: Final = 3
_COST: Final = 4.0
_LOW, _HIGH = 0.4, 0.6
"""Neutral where no text was called so."""
_LEAST_NEUTRAL: Final = 30
_SEED: Final = 20260101
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Bags:
    """Texts as counts of terms, `counts[text, term]` = 1 + ln(count)."""

    names: tuple[str, ...]
    counts: Any


def fit_sentiment(known: LabelledTexts) -> SentimentTerms:
    """Good against bad; what is neither counts for half of both, and sets where neutral begins and ends.

    Calibrated on folds that had no part in the weights (J. Platt, 1999). Raises ValueError where either kind is
    missing.
    """
    bags = _count(known.texts)
    is_told = known.labels != 0
    if len(set(known.labels[is_told])) < 2:
        raise ValueError("there must be good texts and bad ones")
    z = _foretell(bags, known)
    slope, shift = _calibrate(z[is_told], known.labels[is_told])
    low, high = _find_bounds(1.0 / (1.0 + np.exp(-(slope * z + shift))), known.labels)
    scale, weights, intercept, chosen = _fit(bags, known, np.arange(len(known.texts)))
    told = {bags.names[at]: (float(one), float(other)) for at, one, other in zip(chosen, scale, weights, strict=True)}
    return SentimentTerms(told, intercept, slope, shift, low, high)


def _count(texts: Sequence[str]) -> _Bags:
    """Terms of one text alone teach nothing of others; figures are numbers of orders and phones, say."""
    places: dict[str, int] = {}
    starts, indices, data = [0], list[int](), list[float]()
    for text in texts:
        for term, count in count_terms(plain_text(text)).items():
            indices.append(places.setdefault(term, len(places)))
            data.append(count)
        starts.append(len(indices))
    counts = csr_matrix(
        (1.0 + np.log(np.asarray(data, np.float32)), np.asarray(indices, np.int32), np.asarray(starts, np.int64)),
        shape=(len(texts), len(places)),
    )
    least = 2 if len(texts) < FEW_TEXTS else 4
    names = tuple(places)
    is_plain = np.array([not any(map(str.isdigit, name)) for name in names], np.bool_)
    used = np.flatnonzero((np.bincount(counts.indices, minlength=len(places)) >= least) & is_plain)
    return _Bags(tuple(names[at] for at in used), counts[:, used])


def _fit(bags: _Bags, known: LabelledTexts, rows: NDArray[Any]) -> tuple[Floats, Floats, float, NDArray[Any]]:
    """Scale and weight of each chosen term, and the intercept."""
    counts, labels = bags.counts[rows], known.labels[rows]
    has = (counts > 0).astype(np.float32)
    good, bad = (np.asarray(has[labels == sign].sum(axis=0)).ravel() for sign in (1, -1))
    odds = np.log((good + 0.5) / ((labels == 1).sum() + 1.0)) - np.log((bad + 0.5) / ((labels == -1).sum() + 1.0))
    sureness = np.abs(odds) / np.sqrt(1.0 / (good + 0.5) + 1.0 / (bad + 0.5))
    chosen = np.sort(np.argsort(-sureness, kind="stable")[:MOST_TERMS])
    rarity = np.log((1.0 + (labels != 0).sum()) / (1.0 + good + bad)) + 1.0
    scale = (np.abs(odds) * rarity)[chosen]
    values = normalize(counts[:, chosen] @ diags_array(scale.astype(np.float32)))
    model = LogisticRegression(C=_COST, solver="liblinear", class_weight="balanced", random_state=_SEED)
    told, neither = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    places = np.concatenate([told, neither, neither])
    signs = np.concatenate([labels[told], np.ones(len(neither)), -np.ones(len(neither))])
    model.fit(values[places], signs, sample_weight=np.where(labels == 0, 0.5, 1.0)[places])
    return scale, model.coef_[0], float(model.intercept_[0]), chosen


def _foretell(bags: _Bags, known: LabelledTexts) -> Floats:
    """z of each text by a model that did not see it."""
    z = np.zeros(len(known.texts))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    for learnt, left in folds.split(z, known.labels > 0):
        scale, weights, intercept, chosen = _fit(bags, known, learnt)
        z[left] = normalize(bags.counts[left][:, chosen] @ diags_array(scale.astype(np.float32))) @ weights + intercept
    return z


def _calibrate(z: Floats, labels: NDArray[Any]) -> tuple[float, float]:
    model = LogisticRegression(C=1e6, class_weight="balanced")
    model.fit(z[:, None], labels > 0)
    return max(float(model.coef_[0, 0]), 1e-3), float(model.intercept_[0])


def _find_bounds(positive: Floats, labels: NDArray[Any]) -> tuple[float, float]:
    """Where neutral begins and ends, so that most texts are called what they are, each kind weighing alike."""
    if (labels == 0).sum() < _LEAST_NEUTRAL:
        return _LOW, _HIGH
    share = Counter(labels.tolist())
    weight = np.array([1.0 / share[label] for label in labels.tolist()])
    grid = np.linspace(0.05, 0.95, 37)
    best = (-1.0, _LOW, _HIGH)
    for low in grid[grid <= 0.5]:
        for high in grid[grid >= 0.5]:
            called = np.where(positive < low, -1, np.where(positive > high, 1, 0))
            best = max(best, (float(weight[called == labels].sum()), float(low), float(high)))
    return best[1], best[2]
