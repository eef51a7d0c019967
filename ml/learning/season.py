"""How many will come back, and how much they will buy: the level of a forecast, from earlier ones.

A model of single customers, trained on averaged cut-offs, knows who is more at risk than whom; how
many come back moves with the season, and a year has only one Christmas. So the level is set apart.
The classic models, fitted to nothing but the histories, say how many of the customers known now
would not buy in a horizon like any other, and how much the others would; their error at each earlier
cut-off, in the link, is the season and the drift. A Gaussian process over the calendar carries that
error to the cut-off in question, and on through the year that follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.targets import sigmoid

# Standard deviations in the link, and lengths; by convention, not fitted: ten cut-offs could not.
LEVEL_SD = 0.3
"""Error of the histories' model on the whole."""
SEASON_SD = 0.4
"""The same every year."""
SEASON_REACH = 0.5
"""How far in the year a season reaches: errors a month apart correlate by .6, two months by .14."""
DRIFT_SD = 0.3
DRIFT_DAYS = 365.0
NOISE_SD = 0.1
YEAR_DAYS = 365.2425
_WIDEST = 30.0


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """What to add to the scores of a cut-off so that they expect what happened; its variance."""

    cutoff_us: int
    shift: float
    variance: float


def shift_to_share(log_odds: Floats, share: float) -> float:
    """What to add to all so that their mean probability is `share`, 0 < share < 1."""
    return float(brentq(lambda shift: float(sigmoid(log_odds + shift).mean()) - share, -_WIDEST, _WIDEST))


def share_error(cutoff_us: int, log_odds: Floats, happened: NDArray[np.bool_]) -> CalibrationError:
    """The error of predictions (n,) at one cut-off; half a customer is kept from both ends of the scale."""
    half = 0.5 / len(happened)
    shift = shift_to_share(log_odds, float(np.clip(happened.mean(), half, 1 - half)))
    chance = sigmoid(log_odds + shift)
    return CalibrationError(cutoff_us, shift, 1.0 / float((chance * (1 - chance)).sum()))


def sum_error(cutoff_us: int, expected: Floats, amounts: ArrayLike) -> CalibrationError | None:
    """The error of expectations (n,) ≥ 0 at one cut-off, in the logarithm; None where either sum is 0."""
    actual = np.asarray(amounts, np.float64)
    if expected.sum() <= 0 or actual.sum() <= 0:
        return None
    ratio = actual.sum() / expected.sum()
    variance = float(((actual - ratio * expected) ** 2).sum() / actual.sum() ** 2)
    return CalibrationError(cutoff_us, float(np.log(ratio)), variance)


def forecast_shifts(errors: Sequence[CalibrationError], days: ArrayLike) -> Floats:
    """The expected error at other times, days since 1970 (k,): the posterior mean of the Gaussian
    process; 0 without errors.
    """
    at = np.asarray(days, np.float64)
    if not errors:
        return np.zeros(at.shape)
    known, spread = _observed(errors)
    weights = np.linalg.solve(spread, [error.shift for error in errors])
    return np.asarray(_covariance(at, known) @ weights)


def forecast_deviations(errors: Sequence[CalibrationError], days: ArrayLike) -> Floats:
    """The standard deviations (k,) of those forecasts: least where the season has been seen before."""
    at = np.asarray(days, np.float64)
    variance = np.full(at.shape, LEVEL_SD**2 + SEASON_SD**2 + DRIFT_SD**2)
    if errors:
        known, spread = _observed(errors)
        across = _covariance(at, known)
        variance = variance - np.einsum("kn,nk->k", across, np.linalg.solve(spread, across.T))
    return np.asarray(np.sqrt(variance))


def _observed(errors: Sequence[CalibrationError]) -> tuple[Floats, Floats]:
    """The days of the errors (n,), and their covariance as observed (n, n)."""
    days = np.array([error.cutoff_us for error in errors]) / DAY_US
    return days, _covariance(days, days) + np.diag([error.variance + NOISE_SD**2 for error in errors])


def _covariance(a_days: Floats, b_days: Floats) -> Floats:
    apart = np.abs(a_days[:, None] - b_days)
    season = SEASON_SD**2 * np.exp(-2 * (np.sin(np.pi * apart / YEAR_DAYS) / SEASON_REACH) ** 2)
    return LEVEL_SD**2 + season + DRIFT_SD**2 * np.exp(-apart / DRIFT_DAYS)
