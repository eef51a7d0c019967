"""How many will come back, and how much they will buy: the level of a forecast, from earlier ones.

A model of single customers, trained on averaged cut-offs, knows who is more at risk than whom; how
many come back moves with the season, and a year has only one Christmas. So the level is set apart.
The classic models, fitted to nothing but the histories, say how many of the customers known now
would not buy in a horizon like any other, and how much the others would; their error at each earlier
cut-off, in the link, is the season and the drift. A Gaussian process over the calendar carries that
error to the cut-off in question, and on through the year that follows. A shop that has not seen a season may name its
country: then how trade goes there is one more way in which errors go together, of an extent to be learnt, and the
less is asked of it the more of the shop's own years are known.
"""

from collections.abc import Callable, Sequence
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
TRADE_MEAN, TRADE_SD = 1 / 3, 6.0
"""How much of a country's change of trade, at each lead, a shop's is taken to be before it says so, and how sure: those
who live on Christmas swing ten times as much as all retail."""
YEAR_DAYS = 365.2425
_WIDEST = 30.0


Trade = Callable[[ArrayLike], Floats]
"""Days since 1970 (k,) → what trade in the country does to the link then, (leads, k): `ml.learning.trade`."""


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


def forecast_shifts(errors: Sequence[CalibrationError], days: ArrayLike, trade: Trade | None = None) -> Floats:
    """The expected error at other times, days since 1970 (k,): the posterior mean of the Gaussian
    process; without errors what `trade` says before any, or 0.
    """
    at = np.asarray(days, np.float64)
    prior = _Prior(trade)
    if not errors:
        return prior.mean(at)
    known, spread = _observed(errors, prior)
    weights = np.linalg.solve(spread, [error.shift for error in errors] - prior.mean(known))
    return np.asarray(prior.mean(at) + prior.covariance(at, known) @ weights)


def forecast_deviations(errors: Sequence[CalibrationError], days: ArrayLike, trade: Trade | None = None) -> Floats:
    """The standard deviations (k,) of those forecasts: least where the season has been seen before."""
    at = np.asarray(days, np.float64)
    prior = _Prior(trade)
    variance = np.diag(prior.covariance(at, at))
    if errors:
        known, spread = _observed(errors, prior)
        across = prior.covariance(at, known)
        variance = variance - np.einsum("kn,nk->k", across, np.linalg.solve(spread, across.T))
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _observed(errors: Sequence[CalibrationError], prior: "_Prior") -> tuple[Floats, Floats]:
    """The days of the errors (n,), and their covariance as observed (n, n)."""
    days = np.array([error.cutoff_us for error in errors]) / DAY_US
    return days, prior.covariance(days, days) + np.diag([error.variance + NOISE_SD**2 for error in errors])


@dataclass(frozen=True, slots=True)
class _Prior:
    """What is expected of errors before any is known: 0, or a part of each of the `trade`'s changes."""

    trade: Trade | None

    def mean(self, days: Floats) -> Floats:
        return np.zeros(days.shape) if self.trade is None else np.asarray(TRADE_MEAN * self.trade(days).sum(axis=0))

    def covariance(self, a_days: Floats, b_days: Floats) -> Floats:
        apart = np.abs(a_days[:, None] - b_days)
        season = SEASON_SD**2 * np.exp(-2 * (np.sin(np.pi * apart / YEAR_DAYS) / SEASON_REACH) ** 2)
        own = LEVEL_SD**2 + season + DRIFT_SD**2 * np.exp(-apart / DRIFT_DAYS)
        return own if self.trade is None else own + TRADE_SD**2 * self.trade(a_days).T @ self.trade(b_days)
