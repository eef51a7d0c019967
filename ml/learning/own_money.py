"""How far the expected spend follows a customer's own average order: the weights of `app.lifecycle.own_money`.

By Gamma-Gamma (Fader & Hardie 2013): spends of a customer are Gamma(p, ν), and ν is Gamma(q, γ) over customers. On the
logarithmic scale the mean of n spends then varies by ψ'(p·n) about the customer's own, and that by ψ'(q) over customers
(ψ' the trigamma function), so that of what lies between a customer's mean and everybody's,

    w(n) = ψ'(q) / (ψ'(q) + ψ'(p·n))

is the customer's own. It needs nothing but the histories, and is what regressions of what came next on the means find
(docs/adr/0012-own-money.md).
"""

from typing import Final

import numpy as np
from scipy.special import polygamma

from app.lifecycle.features import Floats
from app.lifecycle.own_money import OwnMoney
from ml.data.states import LabelledStates
from ml.learning.btyd import FitError, GammaGamma

MOST_HISTORIES: Final = 20_000
MOST_ORDERS: Final = 64
"""Weights of more orders are those of so many."""
_GROWTH: Final = 1.3
_HALF: Final = 2.0
"""A weight is n^_GROWTH / (n^_GROWTH + _HALF) at least: that customers spent alike so far does not tell that all will,
and from ten orders on regressions find more than Gamma-Gamma."""
_HALF_KEPT: Final = 2.0
"""Orders at which a share given back counts by half: few of those who gave back one or two orders go on to."""
_LEAST_KEPT: Final = 0.2
"""Of what is bought next: some of those who gave back everything keep what they buy later."""
_OUTLYING: Final = 20.0
"""An average order of more than so many times the 99th percentile of the customers' counts as that."""


def fit_own_money(rows: LabelledStates) -> OwnMoney:
    """From the histories of `rows`, of at most MOST_HISTORIES customers; what follows is not read."""
    every = -(-len(rows.states) // MOST_HISTORIES)
    orders, mean = (column[::every] for column in _average_orders(rows))
    paid = mean > 0
    orders, mean = orders[paid], mean[paid]
    counts = np.arange(1.0, MOST_ORDERS + 1.0)
    keeping = counts**2 / (counts**2 + _HALF_KEPT**2)
    weights = counts**_GROWTH / (counts**_GROWTH + _HALF)
    if not len(mean):
        return OwnMoney(1.0, weights, keeping, _LEAST_KEPT)
    mean = np.minimum(mean, _OUTLYING * np.quantile(mean, 0.99))
    centre = float(mean.mean())
    try:
        classic = GammaGamma.fit(orders, mean)
    except FitError:
        return OwnMoney(centre, weights, keeping, _LEAST_KEPT)
    if classic.q > 1:  # else the population has no mean
        centre = classic.p * classic.gamma / (classic.q - 1)
    between = polygamma(1, classic.q)
    weights = np.maximum(weights, between / (between + polygamma(1, classic.p * counts)))
    return OwnMoney(centre, weights, keeping, _LEAST_KEPT)


def _average_orders(rows: LabelledStates) -> tuple[Floats, Floats]:
    """Orders, and what was paid for one on average before refunds, minor units; (n,) each."""
    orders = rows.measure("orders")
    return orders, rows.measure("spend_minor") / orders
