"""What a treatment changes, for whom: one additive line of what comes anyway, and one of what each arm adds to it.

    link(outcome | x, arm) = level(x) + Σ_a (1[arm = a] − share_a) · (β_a + Σ_j β_aj z_j(x))

A lasso on the β_aj draws effects towards one for everybody: where a file tells no difference, all customers are told
the same effect, and the policy is the best arm for all. Its strength is the greatest whose loss on rows held out is
within a standard error of the least. Arms are drawn by chance, so that their centred indicators are uncorrelated to the
level, which may be learned first (Robinson 1988; Nie and Wager, Quasi-oracle estimation of heterogeneous treatment
effects, 2021).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression, Ridge, lasso_path
from threadpoolctl import threadpool_limits

from ml.data.trials import Column, Floats, Ints, Trial
from ml.learning.encoding import Encoding

STRENGTHS: Final = (1.0, 0.7, 0.5, 0.35, 0.25, 0.17, 0.12, 0.08)
"""Of the lasso, as shares of the least that leaves no difference between customers."""
FOLDS: Final = 5
_ROWS_TO_CHOOSE_BY: Final = 50_000
_LEVEL_SHRINKAGE: Final = 0.03


@dataclass(frozen=True, slots=True)
class UpliftModel:
    """`level` (1 + k,) and `effects` (arms − 1, 1 + k) on the encoded columns, intercepts first; `shares` (arms − 1,).

    Additive in the link: log-odds of a binary outcome, else the outcome itself.
    """

    encoding: Encoding
    is_binary: bool
    level: Floats
    effects: Floats
    shares: Floats
    strength: float

    def outcomes(self, trial: Trial) -> Floats:
        """(n, arms): what is to be expected under each, the control first."""
        columns = _with_one(self.encoding(trial.features, len(trial)))
        effects = columns @ self.effects.T
        control = columns @ self.level - effects @ self.shares
        links = np.column_stack([control, control[:, None] + effects])
        return np.asarray(expit(links) if self.is_binary else links)

    def uplifts(self, trial: Trial) -> Floats:
        """(n,): of being treated, by any arm as they were given out."""
        outcomes = self.outcomes(trial)
        return np.asarray(outcomes[:, 1:] @ (self.shares / self.shares.sum()) - outcomes[:, 0])

    def terms(self, features: Mapping[str, Column], rows: int) -> Floats:
        """(rows, arms − 1, features): each feature's part of an arm's effect in the link, beside the intercept."""
        columns, owners = self.encoding(features, rows), np.array(self.encoding.owners, np.int64)
        terms = np.zeros((rows, len(self.effects), len(self.encoding.parts)))
        for place in range(columns.shape[1]):
            terms[:, :, owners[place]] += columns[:, [place]] * self.effects[:, 1 + place]
        return terms


def fit_uplift(trial: Trial, seed: int = 0) -> UpliftModel:
    """Of rows whose arms were drawn by chance, at the same shares for everybody."""
    with threadpool_limits(1):
        strength = _choose_strength(trial, seed)
        return _fit(trial, Encoding.of(trial.features), (strength,))[0]


def fit_response(trial: Trial) -> UpliftModel:
    """The comparator: who responds when treated, taken for who is moved by it."""
    with threadpool_limits(1):
        treated, encoding = trial.take(trial.arms > 0), Encoding.of(trial.features)
        is_binary = _varies(treated)
        level = _fit_level(encoding(treated.features, len(treated)), treated.outcome, is_binary)
    nothing = np.zeros((1, len(level)))
    return UpliftModel(encoding, is_binary, level, nothing, np.ones(1), np.inf)


def _with_one(columns: Floats) -> Floats:
    return np.column_stack([np.ones(len(columns)), columns])


def _fit_level(columns: Floats, outcome: Floats, is_binary: bool) -> Floats:
    if not columns.shape[1]:
        mean = outcome.mean()
        return np.array([logit(mean) if is_binary else mean])
    if is_binary:
        logistic = LogisticRegression(C=_LEVEL_SHRINKAGE, max_iter=1000).fit(columns, outcome)
        return np.append(logistic.intercept_[0], logistic.coef_[0])
    ridge = Ridge(alpha=1 / _LEVEL_SHRINKAGE).fit(columns, outcome)
    return np.append(ridge.intercept_, ridge.coef_)


def _varies(trial: Trial) -> bool:
    """Whether log-odds can be learned: the outcome is binary, and not always the same."""
    return trial.is_binary and bool(trial.outcome.min() < trial.outcome.max())


def _fit(trial: Trial, encoding: Encoding, strengths: Sequence[float]) -> list[UpliftModel]:
    """One for each of the strengths, which descend."""
    columns, is_binary = encoding(trial.features, len(trial)), _varies(trial)
    level = _fit_level(columns, trial.outcome, is_binary)
    centred = _centre(trial.arms, trial.shares)
    level, constants, left, weights = _fit_constants(level, _with_one(columns), centred, trial.outcome, is_binary)
    mixed = np.hstack([centred[:, [arm]] * columns for arm in range(centred.shape[1])])
    plain = np.column_stack([np.ones(len(centred)), centred])
    paths, moved = _lasso_path(mixed, plain, left, weights, strengths)
    return [
        UpliftModel(
            encoding,
            is_binary,
            level + moved[0, place] * (np.arange(len(level)) == 0),
            np.column_stack([constants + moved[1:, place], paths[:, place].reshape(len(constants), -1)]),
            trial.shares[1:],
            strength,
        )
        for place, strength in enumerate(strengths)
    ]


def _centre(arms: Ints, shares: Floats) -> Floats:
    """(n, arms − 1): indicators less the shares."""
    return np.asarray((arms[:, None] == np.arange(1, len(shares))) - shares[1:], np.float64)


def _fit_constants(
    level: Floats, columns: Floats, centred: Floats, outcome: Floats, is_binary: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """The level, moved; the effects of arms on everybody; and what they leave over (n,), with its weights (n,).

    Of log-odds that is the working residual of a Newton step: effects are small, and one step is enough for them.
    """
    base = columns @ level
    constants: Floats
    if not is_binary:
        constants = np.asarray(np.linalg.lstsq(centred, outcome - base, rcond=None)[0], np.float64)
        return level, constants, outcome - base - centred @ constants, np.ones(len(outcome))
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(np.column_stack([base, centred]), outcome)
    slope, constants = fitted.coef_[0, 0], fitted.coef_[0, 1:]
    level = slope * level
    level[0] += fitted.intercept_[0]
    chance = expit(columns @ level + centred @ constants)
    weights = chance * (1 - chance)
    return level, constants, (outcome - chance) / weights, weights


def _lasso_path(
    mixed: Floats, plain: Floats, left: Floats, weights: Floats, strengths: Sequence[float]
) -> tuple[Floats, Floats]:
    """Coefficients of `mixed` (k, strengths), and by how much those of `plain`, left alone, move (p, strengths)."""
    roots = np.sqrt(weights)[:, None]
    scaled, open_columns, target = roots * mixed, roots * plain, roots[:, 0] * left
    basis = np.linalg.pinv(open_columns)
    scaled_left, target = scaled - open_columns @ (basis @ scaled), target - open_columns @ (basis @ target)
    steepest = np.abs(scaled_left.T @ target).max(initial=0.0) / len(target)
    if steepest <= 1e-12:
        return np.zeros((mixed.shape[1], len(strengths))), np.zeros((plain.shape[1], len(strengths)))
    _, paths, _ = lasso_path(
        scaled_left,
        target,
        alphas=steepest * np.array(strengths),
        precompute=scaled_left.T @ scaled_left,
        max_iter=20_000,
        tol=1e-5,
    )
    return paths, -(basis @ scaled) @ paths


def _choose_strength(trial: Trial, seed: int) -> float:
    """The greatest whose loss on rows held out is within a standard error of the least, row by row."""
    draw = np.random.default_rng(seed)
    if len(trial) > _ROWS_TO_CHOOSE_BY:
        trial = trial.take(np.sort(draw.choice(len(trial), _ROWS_TO_CHOOSE_BY, replace=False)))
    folds = spread_folds(trial.arms, draw)
    losses = np.empty((len(trial), len(STRENGTHS)))
    for fold in range(FOLDS):
        held = folds == fold
        learned, judged = trial.take(~held), trial.take(held)
        for place, model in enumerate(_fit(learned, Encoding.of(learned.features), STRENGTHS)):
            losses[held, place] = _loss(model, judged)
    behind = losses - losses[:, [losses.mean(axis=0).argmin()]]
    errors = behind.std(axis=0, ddof=1) / np.sqrt(len(trial))
    return STRENGTHS[int(np.flatnonzero(behind.mean(axis=0) <= errors)[0])]


def spread_folds(arms: Ints, draw: np.random.Generator) -> Ints:
    """(n,): each arm spread evenly."""
    folds = np.empty(len(arms), np.int64)
    for arm in np.unique(arms):
        rows = draw.permutation(np.flatnonzero(arms == arm))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def _loss(model: UpliftModel, judged: Trial) -> Floats:
    """(n,): negative log-likelihood, or the squared error."""
    said = model.outcomes(judged)[np.arange(len(judged)), judged.arms]
    if not model.is_binary:
        return np.asarray((judged.outcome - said) ** 2)
    return np.asarray(-np.log(np.where(judged.outcome > 0, said, 1 - said).clip(1e-12)))
