"""Buy till you die: whether a silence is long for a customer's own pace, in closed form.

BG/NBD (Fader, Hardie & Lee 2005, "Counting Your Customers" the Easy Way): purchases come at a rate of
the customer's own, and after each one the customer may drop out. With x repeat orders, the last one
t after the first, which was T ago, and h ahead,

    P(no purchase in h) = L(x, t, T + h) / L(x, t, T) = (ρ + δ) / (1 + δ)
    ρ = ((α + T) / (α + T + h))^(r + x)                        stays, but does not buy
    δ = a / (b + x − 1) · ((α + T) / (α + t))^(r + x), x > 0   dropped out at t, against staying

and the pace at which orders are to be expected, of those who have not dropped out for sure, is

    h · (r + x) / (α + T) / (1 + δ)

The parameters are a convention and not fitted: a model that reads this chance bends it to its shop, so
only the order matters that it puts customers in. They lie between those fitted to a music club
and to a gift wholesaler, and order the customers of both as well as the fitted ones do.
"""

from math import exp, log, log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

R: Final = 0.5
ALPHA_DAYS: Final = 60.0
A: Final = 0.3
B: Final = 3.0
HORIZON_DAYS: Final = 90.0
PARAMETERS: Final = (R, ALPHA_DAYS, A, B, HORIZON_DAYS)
NEVER: Final = -700.0
"""The logarithm of next to nothing, which arithmetic bears better than that of nothing."""


def prospects(repeats: Floats, recency_days: Floats, tenure_days: Floats) -> tuple[Floats, Floats]:
    """P(no purchase in the next HORIZON_DAYS) and the orders in them at this pace, both (n,); NaN where
    nothing was bought.

    `recency_days` and `tenure_days` go from the last and from the first order to now.
    """
    shape, known = R + repeats, ALPHA_DAYS + tenure_days
    stays = shape * np.log1p(-HORIZON_DAYS / (known + HORIZON_DAYS))
    dropped = np.log(A / np.maximum(B + repeats - 1.0, B)) - shape * np.log1p(-recency_days / known)
    dropped = np.where(repeats > 0, dropped, NEVER)
    either = np.maximum(stays, dropped) + np.log1p(np.exp(-np.abs(stays - dropped)))
    gone_or_not = np.maximum(dropped, 0.0) + np.log1p(np.exp(-np.abs(dropped)))
    return np.asarray(np.exp(either - gone_or_not)), np.asarray(HORIZON_DAYS * shape / known * np.exp(-gone_or_not))


def prospects_of_one(repeats: float, recency_days: float, tenure_days: float) -> tuple[float, float]:
    """`prospects` of one customer; plain arithmetic beats array calls for one."""
    if tenure_days != tenure_days:  # NaN: nothing was bought
        return tenure_days, tenure_days
    shape, known = R + repeats, ALPHA_DAYS + tenure_days
    stays = shape * log1p(-HORIZON_DAYS / (known + HORIZON_DAYS))
    dropped = log(A / (B + repeats - 1.0)) - shape * log1p(-recency_days / known) if repeats > 0 else NEVER
    either = max(stays, dropped) + log1p(exp(-abs(stays - dropped)))
    gone_or_not = max(dropped, 0.0) + log1p(exp(-abs(dropped)))
    return exp(either - gone_or_not), HORIZON_DAYS * shape / known * exp(-gone_or_not)
