"""How many will not come back: the level of the risk at a cut-off, forecast from earlier ones.

A model of single customers, trained on averaged cut-offs, knows who is more at risk than whom; how
many come back moves with the season, and a year has only one Christmas. So the level is set apart.
BG/NBD, fitted to nothing but the histories, says how many of the customers known now would not buy
in a horizon like any other; its error at each earlier cut-off, in log-odds, is the season and the
drift. A Gaussian process over the calendar carries that error to the cut-off in question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.scorer import sigmoid

# Standard deviations in log-odds, and lengths; by convention, not fitted: ten cut-offs could not.
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
    """What to add to log-odds predicted at a cut-off so that they expect what happened; its variance."""

    cutoff_us: int
    shift: float
    variance: float


def shift_to_share(log_odds: Floats, share: float) -> float:
    """What to add to all so that their mean probability is `share`, 0 < share < 1."""
    return float(brentq(lambda shift: float(sigmoid(log_odds + shift).mean()) - share, -_WIDEST, _WIDEST))


def calibration_error(cutoff_us: int, log_odds: Floats, churned: NDArray[np.bool_]) -> CalibrationError:
    """The error of predictions (n,) at one cut-off; half a customer is kept from both ends of the scale."""
    half = 0.5 / len(churned)
    shift = shift_to_share(log_odds, float(np.clip(churned.mean(), half, 1 - half)))
    risk = sigmoid(log_odds + shift)
    return CalibrationError(cutoff_us, shift, 1.0 / float((risk * (1 - risk)).sum()))


def forecast_shift(errors: Sequence[CalibrationError], at_us: int) -> float:
    """The expected error at another time: the posterior mean of the Gaussian process; 0 without errors."""
    if not errors:
        return 0.0
    days = np.array([error.cutoff_us for error in errors]) / DAY_US
    noise = np.diag([error.variance + NOISE_SD**2 for error in errors])
    shifts = np.array([error.shift for error in errors])
    weights = np.linalg.solve(_covariance(days, days) + noise, shifts)
    return float((_covariance(np.array([at_us / DAY_US]), days) @ weights)[0])


def _covariance(a_days: Floats, b_days: Floats) -> Floats:
    apart = np.abs(a_days[:, None] - b_days)
    season = SEASON_SD**2 * np.exp(-2 * (np.sin(np.pi * apart / YEAR_DAYS) / SEASON_REACH) ** 2)
    return LEVEL_SD**2 + season + DRIFT_SD**2 * np.exp(-apart / DRIFT_DAYS)
