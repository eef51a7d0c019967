"""Price sensitivity: the share of what a customer buys that was bought on discount, as far as the data support it.

A customer's share s of lines (an item in an order) on discount is shrunk to the shop's share μ by their orders n:

    sensitivity = (n·s + w·μ) / (n + w)

the posterior mean of a beta-binomial with prior Beta(w·μ, w·(1 − μ)) of which an order is a draw: the lines of an order
often are on discount together, a coupon being for all of it, so that they are not draws of their own. It is also the
credibility estimate of H. Bühlmann and E. Straub (1970), with w = φ/τ²: φ the variance of one order's share about that
of its customer, τ² that of customers' shares about the shop's. Both are fitted to many customers,

    E (s − μ)² = τ² + φ/n

by weighted least squares, the weights from the fit before. Where lines are on discount one by one, φ is smaller, and
so is w: whichever way a shop gives its discounts, w is what its customers support.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from app.lifecycle.features import Floats

LEAST_CUSTOMERS: Final = 30
LEAST_ORDERS: Final = 2.0
"""A customer of fewer tells nothing of φ and τ² apart."""
LEAST_WEIGHT: Final = 1.0
MOST_WEIGHT: Final = 1000.0
"""Where customers do not differ, nobody's own share is worth much."""
_ROUNDS: Final = 10
_RIDGE: Final = 1e-4
"""Spread of 1 / n below which it tells less than chance does."""
_NOTHING: Final = 1e-9


class Habit(NamedTuple):
    """What a customer has bought, less what was given back: `lines` are items in orders, `discounted` those of them on
    discount. `orders` are no more than the lines."""

    orders: float
    lines: float
    discounted: float

    @property
    def share(self) -> float:
        """Of the lines on discount; 0 of none."""
        return self.discounted / self.lines if self.lines > 0 else 0.0


class ShopShare(NamedTuple):
    """What customers' shares are shrunk to: `share` of lines on discount, by the weight of so many orders; fitted to
    `customers`, 0: it is assumed."""

    share: float
    weight: float
    customers: int = 0


ASSUMED: Final = ShopShare(0.2, 10.0)
"""Until enough customers are known."""


def count_kept(orders: Floats, discounted: Floats, quantity: Floats, given_back: Floats) -> tuple[Floats, Floats]:
    """(n,) each, of items of a customer: the orders with it, and those of them on discount, less what was given back;
    of an item given back in part both count in part."""
    sold = np.maximum(quantity, given_back)
    kept = 1.0 - np.divide(given_back, sold, out=np.zeros_like(sold), where=sold > 0)
    return orders * kept, np.minimum(discounted, orders) * kept


def shrink(own: Habit, to: ShopShare) -> float:
    """The customer's sensitivity, from 0 to 1."""
    return (own.orders * own.share + to.weight * to.share) / (own.orders + to.weight)


def fit_shop_share(orders: ArrayLike, shares: ArrayLike) -> ShopShare:
    """Of customers' orders and shares, (n,) each; ASSUMED where fewer than LEAST_CUSTOMERS have LEAST_ORDERS."""
    counts, theirs = np.asarray(orders, np.float64), np.asarray(shares, np.float64)
    telling = counts >= LEAST_ORDERS
    if telling.sum() < LEAST_CUSTOMERS:
        return ASSUMED
    counts, theirs = counts[telling], theirs[telling]
    mean = float(np.average(theirs, weights=counts))
    within, between = _fit_variances(1.0 / counts, (theirs - mean) ** 2, mean * (1.0 - mean))
    weight = MOST_WEIGHT if between * MOST_WEIGHT <= within else max(within / between, LEAST_WEIGHT)
    return ShopShare(mean, weight, int(telling.sum()))


def _fit_variances(inverse: Floats, squared: Floats, coin: float) -> tuple[float, float]:
    """(φ, τ²), neither negative, of `squared` deviations of the shares of 1 / `inverse` orders. `coin`: μ(1 − μ), of
    which φ is what τ² leaves where customers have equally many orders, so that these do not tell them apart."""
    within = between = float(squared.mean())
    for _ in range(_ROUNDS):
        weights = np.maximum(between + within * inverse, _NOTHING) ** -2.0
        x, y = (float(np.average(each, weights=weights)) for each in (inverse, squared))
        spread = float(np.average((inverse - x) ** 2, weights=weights))
        slope = float(np.average((inverse - x) * (squared - y), weights=weights)) + _RIDGE * max(coin - between, 0.0)
        slope /= spread + _RIDGE
        within, between = max(slope, 0.0), y - max(slope, 0.0) * x
        if between < 0.0:
            within, between = y / x, 0.0
    return within, between
