"""The sum and the integral that buy-till-you-die models are made of, safe for any shapes.

SciPy's `hyp2f1` alone does not serve: it sums its series up to 0.9 and reflects beyond, where the
reflection overflows for frequent buyers and cancels where a shape comes close to an integer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp2f1

Floats = NDArray[np.float64]

_SERIES_LIMIT = 0.9
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
# A Gauss-Legendre panel need not reach further than this many e-folds of decay.
_NEGLIGIBLE_EXPONENT = 40.0


def purchases_until_drop_out(shape: Floats, reach: Floats, a: float, b: Floats) -> Floats:
    """Mean purchases of a customer alive at T: they come at a Gamma(shape, 1) rate over `reach`, and
    each ends with a Beta(a, b) probability of dropping out.

    Takes about shape * reach + 30 * (1 + reach) terms; what is left out is below 1e-12 of the sum.
    """
    columns = np.stack(np.broadcast_arrays(shape, reach, b))
    total = np.zeros(columns.shape[1])
    row = np.flatnonzero(columns[1] > 0)
    shape, reach, b = columns[:, row]
    exactly_log, stays, count = -shape * np.log1p(reach), np.ones(row.size), 0
    more = -np.expm1(exactly_log)
    while row.size:
        total[row] += stays * more
        # A negative binomial's tail sums to about its last term times (1 + reach), twice.
        tail = np.exp(exactly_log) * (1 + reach) ** 2
        going = (count < shape * reach) | (tail > 1e-13 * total[row])
        stays = stays * (b + count) / (a + b + count)
        exactly_log = exactly_log + np.log((shape + count) / (count + 1) * reach / (1 + reach))
        more = np.maximum(more - np.exp(exactly_log), 0.0)
        carried = np.stack([shape, reach, b, exactly_log, more, stays])
        shape, reach, b, exactly_log, more, stays = carried[:, going]
        row, count = row[going], count + 1
    return total


def log_tail(start: Floats, p: Floats, p_offset: float, q: Floats, q_offset: float) -> Floats:
    """ln of the integral of (p_offset + t)^-p (q_offset + t)^-q over t from `start` on; p + q > 1.

    Euler's transformation of the hypergeometric function in [PN] equations 19 and 20, so that its
    series has positive terms and stays below 1 / (1 - z).
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
    if not series.all():
        result[~series] = _log_steep_tail(p[~series], q[~series], ratio[~series])
    return result


def _log_steep_tail(p: Floats, q: Floats, ratio: Floats) -> Floats:
    """`_log_relative_tail` for a small ratio: Gauss-Legendre as far as the series begins to serve.

    In v = ln((q_offset + t) / (q_offset + start)) the integrand is log-concave and no narrower than
    its first decay or 1, so few nodes do: 1e-9 for shapes up to 300 and ratios down to 1e-6, 2e-5 at
    shapes of 1e4 and a ratio of 1e-8.
    """

    def log_integrand(v: Floats) -> Floats:
        return np.asarray((1 - q) * v - p * np.log1p(ratio * np.expm1(v)))

    series_begins = np.log((1 - ratio) / ratio * (1 / _SERIES_LIMIT - 1))
    first_decay = np.maximum(q - 1 + p * ratio, 1.0)
    reach = np.minimum(series_begins, _NEGLIGIBLE_EXPONENT / first_decay)
    panel = _WEIGHTS @ np.exp(log_integrand(reach * (_NODES[:, None] + 1) / 2)) * reach / 2
    rest = np.exp(log_integrand(series_begins)) * hyp2f1(1, p, p + q, _SERIES_LIMIT) / (p + q - 1)
    return np.asarray(np.log(panel + rest))
