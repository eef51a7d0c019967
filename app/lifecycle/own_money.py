"""Own money: what a customer's own orders came to, as a part of the expected spend that tables cannot say.

A table knows an amount as one of some bins that the shop's customers fill, so that whoever spends a hundred times as
much as most of them is taken for the dearest of them. Here the logarithm of the expected spend follows that of the
customer's own average order, shrunk to everybody's as the orders behind it support:

    weights[n] · ln(average order before refunds / centre)  +  keeping[n] · ln(1 − (1 − least_kept) · share given back)

with n orders. All amounts times ten are so a spend times 10^weights[n], whatever the amounts and the currency. The two
terms are told as those of GROSS_ORDER and REFUND_SHARE, on top of what tables say of them. Weights are learnt by
`ml.learning.own_money`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.arithmetic import for_each
from app.lifecycle.features import FEATURE_NAMES, Floats

GROSS_ORDER: Final = FEATURE_NAMES.index("gross_order")
REFUND_SHARE: Final = FEATURE_NAMES.index("refund_share")
_ORDERS: Final = FEATURE_NAMES.index("orders")
_LEAST_MINOR: Final = 1.0
"""Who paid nothing for their orders counts as having paid so much for each: a logarithm needs something."""
_log_each = for_each(log)


@dataclass(frozen=True, slots=True)
class OwnMoney:
    """`weights` and `keeping`, (K,) each in [0, 1], are of 1 to K orders and more; `centre_minor` > 0,
    0 < `least_kept` ≤ 1."""

    centre_minor: float
    weights: Floats
    keeping: Floats
    least_kept: float
    _lists: tuple[list[float], list[float]] = field(init=False, repr=False, compare=False)
    _centre: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lists", (self.weights.tolist(), self.keeping.tolist()))
        object.__setattr__(self, "_centre", log(self.centre_minor))

    def of_one(self, row: Sequence[float]) -> tuple[float, float]:
        """The terms of one feature row: of GROSS_ORDER, of REFUND_SHARE; 0 where they are unknown."""
        gross, refunded, (weights, keeping) = row[GROSS_ORDER], row[REFUND_SHARE], self._lists
        if gross != gross:  # NaN: nothing was bought
            return 0.0, 0.0
        at = min(max(int(row[_ORDERS]), 1), len(weights)) - 1
        money = weights[at] * (log(max(gross, _LEAST_MINOR)) - self._centre)
        if refunded != refunded:
            return money, 0.0
        return money, keeping[at] * log(1.0 - (1.0 - self.least_kept) * min(max(refunded, 0.0), 1.0))

    def of_each(self, rows: Floats) -> tuple[Floats, Floats]:
        """(n, features) → `of_one` of each row, (n,) and (n,), to the last bit."""
        gross, refunded, known = rows[:, GROSS_ORDER], rows[:, REFUND_SHARE], ~np.isnan(rows[:, GROSS_ORDER])
        orders = np.where(known, rows[:, _ORDERS], 1.0)
        at: NDArray[np.int64] = np.clip(orders, 1.0, float(len(self.weights))).astype(np.int64) - 1
        paid = np.where(known, np.maximum(gross, _LEAST_MINOR), 1.0)
        money = np.where(known, self.weights[at] * (_log_each(paid) - self._centre), 0.0)
        back = np.where(known & ~np.isnan(refunded), np.clip(refunded, 0.0, 1.0), 0.0)
        return money, self.keeping[at] * _log_each(1.0 - (1.0 - self.least_kept) * back)

    def sum(self, rows: Floats) -> Floats:
        """(n, features) → (n,): both terms together."""
        money, kept = self.of_each(rows)
        return np.asarray(money + kept)

    def pack(self) -> dict[str, Floats]:
        """As plain arrays, for an .npz."""
        alone = {"own.centre_minor": self.centre_minor, "own.least_kept": self.least_kept}
        arrays = {name: np.array([value]) for name, value in alone.items()}
        return arrays | {"own.weights": self.weights, "own.keeping": self.keeping}

    @classmethod
    def unpack(cls, arrays: Mapping[str, NDArray[Any]]) -> "OwnMoney":
        """From the arrays that `pack` makes. Raises KeyError where one is missing, ValueError where they are not what
        they must be."""
        centre, least = (arrays[f"own.{name}"].astype(np.float64) for name in ("centre_minor", "least_kept"))
        weights, keeping = (arrays[f"own.{name}"].astype(np.float64) for name in ("weights", "keeping"))
        if centre.shape != (1,) or least.shape != (1,) or weights.ndim != 1 or weights.shape != keeping.shape:
            raise ValueError("weights of own money that do not fit one another")
        within = [(each >= 0.0).all() and (each <= 1.0).all() for each in (weights, keeping, least)]
        if not weights.size or not all(within) or not 0.0 < centre[0] < np.inf or least[0] == 0.0:
            raise ValueError("weights of own money that are none")
        return cls(float(centre[0]), weights, keeping, float(least[0]))
