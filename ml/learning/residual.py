"""What single features say beyond an offset: a ridge regression in log-odds, by Newton steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.targets import sigmoid

RIDGE: Final = 20.0
"""Rows' worth of doubt for each slope: next to nothing against thousands, much against a hundred."""
_ROUNDS: Final = 25
_FIRM: Final = 1e-6
_BOUND: Final = 4.0
"""Standard deviations: an outlier is as far out as anyone can be."""

Shape = Callable[[Floats], Floats]


def _logarithm(values: Floats) -> Floats:
    return np.log1p(np.maximum(values, 0.0))


def _is_above_one(values: Floats) -> Floats:
    return (values > 1).astype(np.float64)


def _log_decayed(values: Floats) -> Floats:
    return np.log(np.maximum(values, 0.0) + 0.02)


def _as_it_is(values: Floats) -> Floats:
    return values


SHAPES: Final[tuple[tuple[str, Shape], ...]] = (
    ("recency_days", _logarithm),
    ("recency_share", _as_it_is),
    ("orders", _logarithm),
    ("orders", _is_above_one),
    ("silence_ratio", _logarithm),
    ("average_order", _logarithm),
    ("net_spend", _logarithm),
    ("items_per_order", _logarithm),
    ("orders_decayed_30d", _log_decayed),
    ("orders_decayed_60d", _log_decayed),
    ("orders_decayed_120d", _log_decayed),
)
"""A feature and the shape in which it is a term: few and smooth, since few windows are to be learnt from."""
_AT: Final = [FEATURE_NAMES.index(name) for name, _ in SHAPES]


@dataclass(frozen=True, slots=True)
class Residual:
    """Σ slopes · standardised shapes: what is to be added to the offset, less its level; each is (shapes,)."""

    centres: Floats
    scales: Floats
    slopes: Floats

    def add(self, features: Floats) -> Floats:
        """(n, len(FEATURES)) → (n,) in the link; 0 for the average customer learnt from."""
        return np.asarray(_standardise(features, self.centres, self.scales) @ self.slopes)


def fit_residual(features: Floats, churned: ArrayLike, offset: Floats) -> Residual:
    """The slopes at which offset + level + residual are the log-odds of `churned`; all are (n, …).

    The level is fitted too and left out. Slopes are held to 0 by a ridge.
    """
    shaped = _shape(features)
    centres, scales = shaped.mean(axis=0), shaped.std(axis=0)
    scales = np.where(scales > _FIRM, scales, np.inf)
    inputs = np.column_stack([np.ones(len(features)), _standardise(features, centres, scales)])
    ridge = np.full(inputs.shape[1], RIDGE)
    ridge[0] = _FIRM
    outcome, slopes = np.asarray(churned, np.float64), np.zeros(inputs.shape[1])
    for _ in range(_ROUNDS):
        chance = sigmoid(offset + inputs @ slopes)
        curvature = (inputs.T * (chance * (1 - chance))) @ inputs + np.diag(ridge)
        step = np.linalg.solve(curvature, inputs.T @ (outcome - chance) - ridge * slopes)
        slopes = slopes + np.clip(step, -1, 1)
        if np.abs(step).max() < _FIRM:
            break
    return Residual(centres, scales, slopes[1:])


def _shape(features: Floats) -> Floats:
    """(n, shapes); an unknown (no second order, no spend) counts as 0."""
    columns = [shape(features[:, at]) for at, (_, shape) in zip(_AT, SHAPES, strict=True)]
    return np.nan_to_num(np.column_stack(columns), nan=0.0)


def _standardise(features: Floats, centres: Floats, scales: Floats) -> Floats:
    return ((_shape(features) - centres) / scales).clip(-_BOUND, _BOUND)
