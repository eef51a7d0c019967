"""Which arm for whom: by each customer's own effects only where that surely brings more than the best arm for all.

What a model says of the rows that it learned of flatters it, and so does the best of many choices. So each fold is told
by a model of the others, and what arms would have brought is told doubly robustly: by the model, corrected by what came
of the rows that had the arm. Where chance alone could make the gain, everybody has the best arm for all.
"""

from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from ml.data.trials import Floats, Ints, Trial
from ml.learning.uplift import FOLDS, UpliftModel, fit_uplift, spread_folds

SURE: Final = 1.6448536269514722
"""Standard errors that a gain is above 0 at least: chance makes as much in one of twenty."""


def choose_arms(model: UpliftModel, learned: Trial, judged: Trial, seed: int = 0) -> Ints:
    """(n,): the arm of each row of `judged`, by a model of all that is `learned`."""
    told = _cross_fit(learned, seed)
    brought = told + (learned.arms[:, None] == np.arange(told.shape[1])) * (
        (learned.outcome[:, None] - told) / learned.shares
    )
    best = int(brought.mean(axis=0).argmax())
    gains = brought[np.arange(len(learned)), told.argmax(axis=1)] - brought[:, best]
    if gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(len(learned)):
        return np.asarray(model.outcomes(judged).argmax(axis=1), np.int64)
    return np.full(len(judged), best, np.int64)


def _cross_fit(learned: Trial, seed: int) -> Floats:
    """(n, arms): what is to be expected under each, by models that have not seen the row."""
    told = np.empty((len(learned), len(learned.arm_names)))
    folds = spread_folds(learned.arms, np.random.default_rng(seed))
    with threadpool_limits(1):
        for fold in range(FOLDS):
            held = folds == fold
            told[held] = fit_uplift(learned.take(~held), seed).outcomes(learned.take(held))
    return told
