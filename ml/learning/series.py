"""The sum and the integral that buy-till-you-die models are made of, safe for any shapes.

SciPy's `hyp2f1` alone does not serve: it sums its series up to 0.9 and reflects beyond, where the
reflection overflows for frequent buyers and cancels where a shape comes close to an integer.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, betaln, hyp2f1, log_expit, logit

Floats = NDArray[np.float64]

_SERIES_LIMIT = 0.9
_MOST_TERMS = 400.0
_CHUNK_ROWS = 16_384
# Gauss-Legendre: a panel need not reach further than 40 e-folds of decay, nor past this share of it.
_NEGLIGIBLE_EXPONENT, _NEGLIGIBLE = 40.0, 1e-17
_FEW_NODES, _FEW_WEIGHTS = np.polynomial.legendre.leggauss(32)
_MANY_NODES, _MANY_WEIGHTS = np.polynomial.legendre.leggauss(256)


def purchases_until_drop_out(shape: Floats, reach: Floats, a: float, b: Floats) -> Floats:
    """Mean purchases of a customer alive at T: they come at a Gamma(shape, 1) rate over `reach`, and
    each ends with a Beta(a, b) probability of dropping out. Relative error below 1e-10.
    """
    columns = np.stack(np.broadcast_arrays(shape, reach, np.asarray(a), b))
    mean = np.zeros(columns.shape[1])
    terms = columns[0] * columns[1] + 30 * (1 + columns[1])
    few = (columns[1] > 0) & (terms <= _MOST_TERMS)
    mean[few] = _sum_over_counts(*columns[:, few])
    for rows in _chunks(terms > _MOST_TERMS):
        mean[rows] = _mean_over_drop_out(*columns[:, rows])
    return mean


def _sum_over_counts(shape: Floats, reach: Floats, a: Floats, b: Floats) -> Floats:
    """A count's mean is the sum over j of P(more than j): a negative binomial with more than j, and
    staying after each of j purchases. All terms are positive.
    """
    mean, row, count = np.zeros(shape.size), np.arange(shape.size), 0
    exactly_log, stays = -shape * np.log1p(reach), np.ones(shape.size)
    more = -np.expm1(exactly_log)
    while row.size:
        mean[row] += stays * more
        # A negative binomial's tail sums to about its last term times (1 + reach), twice.
        tail = np.exp(exactly_log) * (1 + reach) ** 2
        going = (count < shape * reach) | (tail > 1e-13 * mean[row])
        stays = stays * (b + count) / (a + b + count)
        exactly_log = exactly_log + np.log((shape + count) / (count + 1) * reach / (1 + reach))
        more = np.maximum(more - np.exp(exactly_log), 0.0)
        carried = np.stack([shape, reach, a, b, exactly_log, more, stays])
        shape, reach, a, b, exactly_log, more, stays = carried[:, going]
        row, count = row[going], count + 1
    return mean


def _mean_over_drop_out(shape: Floats, reach: Floats, a: Floats, b: Floats) -> Floats:
    """The same mean as E[(1 - (1 + p reach)^-shape) / p] over p ~ Beta(a, b), where the sum is long.

    Gauss-Legendre in the log odds of p, between ends beyond which the mean given p is constant or
    the beta has no mass.
    """
    most, least = shape * reach, -np.expm1(-shape * np.log1p(reach))
    low = np.maximum(betaincinv(a, b, _NEGLIGIBLE), 1e-14 / most)
    high = np.maximum(betaincinv(b, a, _NEGLIGIBLE), 1e-16)
    width = -logit(high) - logit(low)
    log_odds = logit(low) + width * (_MANY_NODES[:, None] + 1) / 2
    density = np.exp(a * log_expit(log_odds) + b * log_expit(-log_odds) - betaln(a, b))
    p = np.exp(log_expit(log_odds))
    panel = _MANY_WEIGHTS @ (density * -np.expm1(-shape * np.log1p(p * reach)) / p) * width / 2
    return np.asarray(panel + most * betainc(a, b, low) + least * betainc(b, a, high))


def log_tail(start: Floats, p: Floats, p_offset: float, q: Floats, q_offset: float) -> Floats:
    """ln of the integral of (p_offset + t)^-p (q_offset + t)^-q over t from `start` on; p + q > 1.

    Euler's transformation of the hypergeometric function of the Pareto/NBD likelihood (Fader &
    Hardie 2005, equations 19 and 20): its series has positive terms and a sum below 1 / (1 - z).
    """
    if p_offset < q_offset:
        return log_tail(start, q, q_offset, p, p_offset)
    start, p, q = np.broadcast_arrays(start, p, q)
    far, near = p_offset + start, q_offset + start
    return (1 - q) * np.log(near) - p * np.log(far) + _log_relative_tail(p, q, near / far)


def _log_relative_tail(p: Floats, q: Floats, ratio: Floats) -> Floats:
    """ln of 2F1(1, p; p + q; 1 - ratio) / (p + q - 1), 0 < ratio <= 1."""
    series = 1 - ratio <= _SERIES_LIMIT
    result = np.empty(ratio.shape)
    result[series] = np.log(hyp2f1(1, p[series], (p + q)[series], 1 - ratio[series]) / (p + q - 1)[series])
    for rows in _chunks(~series):
        result[rows] = _log_steep_tail(p[rows], q[rows], ratio[rows])
    return result


def _log_steep_tail(p: Floats, q: Floats, ratio: Floats) -> Floats:
    """`_log_relative_tail` for a small ratio: Gauss-Legendre as far as the series begins to serve.

    In v = ln((q_offset + t) / (q_offset + start)) the integrand is log-concave and no narrower than
    its first decay or 1, so few nodes do: 1e-11 for shapes up to 400 and ratios down to 1e-6, 2e-5 at
    shapes of 1e4 and a ratio of 1e-8.
    """

    def log_integrand(v: Floats) -> Floats:
        return np.asarray((1 - q) * v - p * np.log1p(ratio * np.expm1(v)))

    series_begins = np.log((1 - ratio) / ratio * (1 / _SERIES_LIMIT - 1))
    first_decay = np.maximum(q - 1 + p * ratio, 1.0)
    reach = np.minimum(series_begins, _NEGLIGIBLE_EXPONENT / first_decay)
    panel = _FEW_WEIGHTS @ np.exp(log_integrand(reach * (_FEW_NODES[:, None] + 1) / 2)) * reach / 2
    rest = np.exp(log_integrand(series_begins)) * hyp2f1(1, p, p + q, _SERIES_LIMIT) / (p + q - 1)
    return np.asarray(np.log(panel + rest))


def _chunks(chosen: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Indices of the chosen rows, few enough at a time for a matrix of nodes to stay small."""
    rows = np.flatnonzero(chosen)
    for first in range(0, rows.size, _CHUNK_ROWS):
        yield rows[first : first + _CHUNK_ROWS]
