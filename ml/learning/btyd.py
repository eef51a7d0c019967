"""Buy-till-you-die models: BG/NBD, Pareto/NBD and Gamma-Gamma, by exact maximum likelihood.

A purchase history is three arrays of shape (n,), one entry a customer, as in the papers:

    x      repeat purchases, the first one not counted
    t_x    time of the last repeat purchase since the first purchase; 0 where x is 0
    age    time since the first purchase, the papers' T

Times, horizons, alpha and beta share one unit, the caller's: days in, days out.
Each array broadcasts against the others, so a scalar horizon or a single customer works too.

Sources:

    [BG]  Fader, Hardie & Lee 2005, "'Counting Your Customers' the Easy Way: An Alternative to
          the Pareto/NBD Model", Marketing Science 24(2)
    [SMC] Schmittlein, Morrison & Colombo 1987, "Counting Your Customers: Who Are They and What
          Will They Do Next?", Management Science 33(1)
    [PN]  Fader & Hardie 2005, "A Note on Deriving the Pareto/NBD Model and Related Expressions"
    [GG]  Fader & Hardie 2013, "The Gamma-Gamma Model of Monetary Value"
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import exprel, gammaln, psi

from ml.learning.series import Floats, log_tail, purchases_until_drop_out

# Logarithms of parameters, time in units of the mean age. A shape of e^5 is a spread of 8 % around the
# mean rate: more likeness than that between customers no history can show.
_SHAPE, _FREE = (-9.0, 5.0), (-9.0, 9.0)
_SCOUT = {"ftol": 1e-6, "gtol": 1e-4, "maxiter": 50}
_CLIMB = {"ftol": 1e-12, "gtol": 1e-7, "maxiter": 1000}


class FitError(ValueError):
    """These data cannot determine the parameters; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class BgNbd:
    """Purchases at a Gamma(r, alpha) rate; after each, drop-out with a Beta(a, b) probability.

    `alpha` is a time in the caller's unit, the others are pure numbers; all are positive.
    """

    r: float
    alpha: float
    a: float
    b: float

    def __post_init__(self) -> None:
        _require_positive(self)

    @classmethod
    def fit(cls, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Self:
        """The maximum of [BG] equation 7. Raises FitError where there is none to find."""
        histories = _Histories.of(x, t_x, age)

        def loss(log_parameters: Floats) -> tuple[float, Floats]:
            model = cls(*np.exp(log_parameters).tolist())
            columns = (histories.x, histories.t_x, histories.age)
            slopes = histories.mean(model._log_likelihood_slopes(*columns))
            return -histories.mean(model.log_likelihood(*columns)).item(), -slopes

        shapes = ((1, 1, 1), (0.3, 0.5, 3), (3, 0.2, 5))
        starts = [(r, r / histories.rate, a, b) for r, a, b in shapes]
        r, alpha, a, b = _minimise(loss, starts, [_FREE] * 4, jac=True)
        return cls(r, alpha * histories.unit, a, b)

    def log_likelihood(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
        """ln L(x, t_x, T), one a customer: [BG] equation 6."""
        x, t_x, age = _floats(x, t_x, age)
        return self._log_scale(x) + np.logaddexp(self._log_alive(x, age), self._log_dropped(x, t_x))

    def probability_no_purchase(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike, horizon: ArrayLike) -> Floats:
        """P(no purchase in (T, T + horizon] | x, t_x, T) = L(x, t_x, T + horizon) / L(x, t_x, T).

        Not 1 - P(alive): [BG] lets a one-time buyer drop out only at a purchase never made.
        """
        x, t_x, age, horizon = _floats(x, t_x, age, horizon)
        dropped = self._log_dropped(x, t_x)
        later = np.logaddexp(self._log_alive(x, age + horizon), dropped)
        return _probability(later - np.logaddexp(self._log_alive(x, age), dropped))

    def probability_alive(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
        """P(not dropped out by T | x, t_x, T), the denominator of [BG] equation 10; 1 where x is 0."""
        x, t_x, age = _floats(x, t_x, age)
        alive = self._log_alive(x, age)
        return _probability(alive - np.logaddexp(alive, self._log_dropped(x, t_x)))

    def expected_purchases(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike, horizon: ArrayLike) -> Floats:
        """E[purchases in (T, T + horizon] | x, t_x, T]: [BG] equation 10, P(alive) times the mean if alive.

        That mean is not taken from the paper's hypergeometric function, which has removable poles
        at a = 1 and a + b + x = 1 and overflows in SciPy where the horizon is long against T.
        """
        x, t_x, age, horizon = _floats(x, t_x, age, horizon)
        if_alive = purchases_until_drop_out(self.r + x, horizon / (self.alpha + age), self.a, self.b + x)
        return self.probability_alive(x, t_x, age) * if_alive

    def _log_scale(self, x: Floats) -> Floats:
        """What both ways to see a history share: its purchases made, and no drop-out before the last."""
        purchases = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha)
        both = self.a + self.b
        stays = gammaln(self.b + x) - gammaln(self.b) + gammaln(both) - gammaln(both + x)
        return np.asarray(purchases + stays)

    def _log_alive(self, x: Floats, age: Floats) -> Floats:
        return -(self.r + x) * np.log(self.alpha + age)

    def _log_dropped(self, x: Floats, t_x: Floats) -> Floats:
        """Dropped out at the last repeat purchase; impossible (-inf) without one."""
        log_odds = np.log(self.a) - np.log(np.where(x > 0, self.b + x - 1, 1.0))
        return np.where(x > 0, log_odds - (self.r + x) * np.log(self.alpha + t_x), -np.inf)

    def _log_likelihood_slopes(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """(n, 4): derivatives of `log_likelihood` by the logarithms of r, alpha, a, b."""
        r, alpha, a, b = astuple(self)
        alive = self.probability_alive(x, t_x, age)
        dropped = 1 - alive
        clock = alive * np.log(alpha + age) + dropped * np.log(alpha + t_x)
        by_r = psi(r + x) - psi(r) + np.log(alpha) - clock
        by_alpha = r / alpha - (r + x) * (alive / (alpha + age) + dropped / (alpha + t_x))
        by_a = psi(a + b) - psi(a + b + x) + dropped / a
        by_b = psi(b + x) - psi(b) + psi(a + b) - psi(a + b + x)
        by_b = by_b - dropped / np.where(x > 0, b + x - 1, 1.0)
        return np.column_stack([r * by_r, alpha * by_alpha, a * by_a, b * by_b])


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """Purchases at a Gamma(r, alpha) rate until a death at a Gamma(s, beta) rate: [SMC].

    `alpha` and `beta` are times in the caller's unit, the others are pure numbers; all are positive.
    """

    r: float
    alpha: float
    s: float
    beta: float

    def __post_init__(self) -> None:
        _require_positive(self)

    @classmethod
    def fit(cls, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Self:
        """The maximum of the likelihood [PN] equation 18. Raises FitError where there is none to find.

        The climb is over shapes and mean rates: where deaths come at nearly one rate, s and beta
        grow together without bound and only their ratio is known.
        """
        histories = _Histories.of(x, t_x, age)

        def model(r: float, purchase_rate: float, s: float, death_rate: float) -> ParetoNbd:
            return cls(r, r / purchase_rate, s, s / death_rate)

        def loss(log_parameters: Floats) -> float:
            each = model(*np.exp(log_parameters)).log_likelihood(histories.x, histories.t_x, histories.age)
            return -histories.mean(each).item()

        shapes = ((1, 1, 1), (0.5, 0.5, 2), (2, 2, 0.1))
        starts = [(r, histories.rate, s, death_rate) for r, s, death_rate in shapes]
        r, alpha, s, beta = astuple(model(*_minimise(loss, starts, [_SHAPE, _FREE] * 2, "2-point")))
        return cls(r, alpha * histories.unit, s, beta * histories.unit)

    def log_likelihood(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
        """ln L(x, t_x, T), one a customer: [PN] equations 18 to 20, regrouped without a difference.

        Integration by parts turns the paper's A_0 and its first term into a sum of two positive
        integrals over the time of death (before and after T), so nothing cancels.
        """
        x, t_x, age = _floats(x, t_x, age)
        scale = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha)
        return np.asarray(scale + self.s * np.log(self.beta) + self._log_silence(x, t_x, age))

    def probability_no_purchase(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike, horizon: ArrayLike) -> Floats:
        """P(no purchase in (T, T + horizon] | x, t_x, T) = L(x, t_x, T + horizon) / L(x, t_x, T)."""
        x, t_x, age, horizon = _floats(x, t_x, age, horizon)
        died = self._log_died_first(x, t_x)
        later = np.logaddexp(died, self._log_bought_first(x, age + horizon))
        return _probability(later - np.logaddexp(died, self._log_bought_first(x, age)))

    def probability_alive(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
        """P(alive at T | x, t_x, T): [PN] equation 36."""
        x, t_x, age = _floats(x, t_x, age)
        alive = -(self.r + x) * np.log(self.alpha + age) - self.s * np.log(self.beta + age)
        return _probability(alive - self._log_silence(x, t_x, age))

    def expected_purchases(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike, horizon: ArrayLike) -> Floats:
        """E[purchases in (T, T + horizon] | x, t_x, T]: [PN] equation 41, continued through s = 1."""
        x, t_x, age, horizon = _floats(x, t_x, age, horizon)
        stretch = np.log1p(horizon / (self.beta + age))
        lifetime = (self.beta + age) * stretch * exprel((1 - self.s) * stretch)
        rate = (self.r + x) / (self.alpha + age)
        return np.asarray(self.probability_alive(x, t_x, age) * rate * lifetime)

    def _log_silence(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        return np.logaddexp(self._log_died_first(x, t_x), self._log_bought_first(x, age))

    def _log_died_first(self, x: Floats, t_x: Floats) -> Floats:
        """Of the two that follow the last purchase, death comes first."""
        tail = log_tail(t_x, self.r + x, self.alpha, np.asarray(self.s + 1), self.beta)
        return np.asarray(np.log(self.s) + tail)

    def _log_bought_first(self, x: Floats, age: Floats) -> Floats:
        """Of the two that follow the last purchase, another purchase comes first, but after `age`."""
        shape = self.r + x
        return np.log(shape) + log_tail(age, shape + 1, self.alpha, np.asarray(self.s), self.beta)


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Spend a purchase ~ Gamma(p, nu), nu ~ Gamma(q, gamma) over customers, independent of frequency.

    `gamma` is in the caller's unit of money, the others are pure numbers; all are positive.
    """

    p: float
    q: float
    gamma: float

    def __post_init__(self) -> None:
        _require_positive(self)

    @classmethod
    def fit(cls, frequency: ArrayLike, mean_spend: ArrayLike) -> Self:
        """The maximum of the likelihood [GG] equation 1a.

        `frequency` is how many purchases `mean_spend` averages. A customer with none, or whose
        mean is not positive (a gamma has no such value), says nothing and is left out. Raises
        FitError where fewer than two different means remain.
        """
        count, mean = _floats(frequency, mean_spend)
        telling = (count > 0) & (mean > 0)
        count, mean = count[telling], mean[telling]
        if not np.isfinite(mean).all() or np.unique(mean).size < 2:
            raise FitError("The model of spend needs customers with different, finite mean spends.")
        unit = float(mean.mean())

        def loss(log_parameters: Floats) -> tuple[float, Floats]:
            model = cls(*np.exp(log_parameters).tolist())
            slopes = model._log_likelihood_slopes(count, mean / unit)
            return -float(model.log_likelihood(count, mean / unit).mean()), -slopes.mean(axis=0)

        p, q, gamma = _minimise(loss, [(1, 2, 1), (5, 4, 0.5), (0.5, 1.5, 3)], [_FREE] * 3, jac=True)
        return cls(p, q, gamma * unit)

    def log_likelihood(self, frequency: ArrayLike, mean_spend: ArrayLike) -> Floats:
        """ln of the density of `mean_spend`, one a customer: [GG] equation 1a; both are positive."""
        count, mean = _floats(frequency, mean_spend)
        shape = self.p * count
        constant = gammaln(shape + self.q) - gammaln(shape) - gammaln(self.q) + self.q * np.log(self.gamma)
        spread = (shape - 1) * np.log(mean) + shape * np.log(count)
        return np.asarray(constant + spread - (shape + self.q) * np.log(self.gamma + count * mean))

    def expected_spend(self, frequency: ArrayLike, mean_spend: ArrayLike) -> Floats:
        """E[spend a purchase | frequency, mean_spend]: [GG] equation 5, the population's mean at frequency 0.

        NaN where that mean does not exist (p * frequency + q <= 1).
        """
        count, mean = _floats(frequency, mean_spend)
        total = np.where(count > 0, count * mean, 0.0)
        weight = self.p * count + self.q - 1
        exists = weight > 0
        return np.where(exists, self.p * (self.gamma + total) / np.where(exists, weight, 1.0), np.nan)

    def _log_likelihood_slopes(self, count: Floats, mean: Floats) -> Floats:
        """(n, 3): derivatives of `log_likelihood` by the logarithms of p, q, gamma."""
        p, q, gamma = astuple(self)
        shape, pool = p * count, np.log(gamma + count * mean)
        by_p = count * (psi(shape + q) - psi(shape) + np.log(count * mean) - pool)
        by_q = psi(shape + q) - psi(q) + np.log(gamma) - pool
        by_gamma = q / gamma - (shape + q) / (gamma + count * mean)
        return np.column_stack([p * by_p, q * by_q, gamma * by_gamma])


@dataclass(frozen=True, slots=True)
class _Histories:
    """Distinct histories with how often each occurs, in a time unit that makes the mean age 1."""

    x: Floats
    t_x: Floats
    age: Floats
    weight: Floats
    unit: float

    @classmethod
    def of(cls, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Self:
        rows = np.column_stack(np.broadcast_arrays(*_floats(x, t_x, age)))
        if not np.isfinite(rows).all() or (rows < 0).any() or (rows[:, 1] > rows[:, 2]).any():
            raise FitError("Every history needs finite x >= 0 and 0 <= t_x <= age.")
        if not (rows[:, 0] > 0).any() or not (rows[:, 2] > 0).any():
            raise FitError("Nobody bought again after a first purchase, so there is no rhythm to learn.")
        distinct, weight = np.unique(rows, axis=0, return_counts=True)
        unit = float(rows[:, 2].mean())
        return cls(distinct[:, 0], distinct[:, 1] / unit, distinct[:, 2] / unit, weight / len(rows), unit)

    @property
    def rate(self) -> float:
        """Repeat purchases a unit of time, pooled."""
        return float(self.weight @ self.x / (self.weight @ self.age))

    def mean(self, values: Floats) -> Floats:
        return np.asarray(self.weight @ values)


def _minimise(
    loss: Callable[[Floats], Any],
    starts: Sequence[tuple[float, ...]],
    bounds: Sequence[tuple[float, float]],
    jac: bool | str,
) -> list[float]:
    """Parameters at the least loss: a short climb from each start, then a long one from the best end."""
    climb = partial(minimize, loss, method="L-BFGS-B", jac=jac, bounds=bounds)
    lower, upper = np.transpose(bounds)
    scouts = [climb(np.log(start).clip(lower, upper), options=_SCOUT) for start in starts]
    ended = [scout for scout in scouts if np.isfinite(scout.fun)]
    if not ended:
        raise FitError("No parameters give these histories a finite likelihood.")
    best = climb(min(ended, key=lambda scout: float(scout.fun)).x, options=_CLIMB)
    return [float(value) for value in np.exp(best.x)]


def _floats(*columns: ArrayLike) -> list[Floats]:
    return [np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in columns]


def _probability(log_probability: Floats) -> Floats:
    """Rounding may lift the logarithm of 1 a hair above 0."""
    return np.exp(np.minimum(log_probability, 0.0))


def _require_positive(model: BgNbd | ParetoNbd | GammaGamma) -> None:
    if not all(0 < value < np.inf for value in astuple(model)):
        raise ValueError(f"The parameters of {type(model).__name__} are positive and finite.")
