"""When the next order comes, from the risk of none and the number to expect.

A customer is active with probability q and then buys like a Poisson process of λ a day (else never again).
P(none) = p and E[orders] = m in a horizon h give both:

    p = 1 − q + q·e^(−u),  m = q·u,  u = λ·h      so      (1 − p) / m = (1 − e^(−u)) / u

Given that one comes within the horizon, the next order comes by t with probability
(1 − e^(−λt)) / (1 − e^(−λh)); told are the median of that, and its tenth and ninetieth part as the interval.
"""

from math import exp, expm1, log, log1p
from typing import Final, NamedTuple

import numpy as np

from app.lifecycle.features import Floats

MOST_RISK: Final = 0.9
"""Churn risk above which no order is to be expected, so that none is dated."""
_STEPS: Final = 4
"""Newton's, from a bound so close to the root that the rest is below 1e-8 of it."""
_LEAST: Final = 1e-9
_EARLY, _HALF, _LATE = 0.1, 0.5, 0.9


class NextOrder(NamedTuple):
    """Days from now: the median, and between which four of five come."""

    days: float
    from_days: float
    until_days: float


def expect_next_order(churn_risk: float, orders: float, horizon_days: float) -> NextOrder | None:
    """None: no order is to be expected."""
    if churn_risk > MOST_RISK:
        return None
    pace = solve_pace(churn_risk, orders)
    comes, days = expm1(-pace), -horizon_days / pace
    return NextOrder(days * log1p(_HALF * comes), days * log1p(_EARLY * comes), days * log1p(_LATE * comes))


def solve_pace(churn_risk: float, orders: float) -> float:
    """u, the orders that an active customer makes in the horizon; at least what p alone asks for (q = 1)."""
    risk = min(max(churn_risk, _LEAST), 1.0 - _LEAST)
    least, ratio = -log(risk), (1.0 - risk) / max(orders, _LEAST)
    if ratio >= 1.0 - _LEAST:
        return least
    pace = min(1.0 / ratio, 2.0 / ratio - 2.0)  # (1 − e^(−u)) / u is below both 1 / u and 1 / (1 + u/2)
    for _ in range(_STEPS):
        idle = exp(-pace)
        pace -= (1.0 - idle - ratio * pace) / (idle - ratio)
    return max(pace, least)


def next_order_days(churn_risk: Floats, orders: Floats, horizon_days: float) -> Floats:
    """The median of `expect_next_order` of customers, (n,); NaN where none is to be expected."""
    risk = np.clip(churn_risk, _LEAST, 1.0 - _LEAST)
    ratio = np.minimum((1.0 - risk) / np.maximum(orders, _LEAST), 1.0 - _LEAST)
    pace = np.minimum(1.0 / ratio, 2.0 / ratio - 2.0)
    for _ in range(_STEPS):
        idle = np.exp(-pace)
        pace -= (1.0 - idle - ratio * pace) / (idle - ratio)
    pace = np.maximum(pace, -np.log(risk))
    days = -horizon_days / pace * np.log1p(_HALF * np.expm1(-pace))
    return np.asarray(np.where(churn_risk > MOST_RISK, np.nan, days))
