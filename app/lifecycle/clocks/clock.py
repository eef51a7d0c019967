"""When each item of a customer is due, and the probability that it is bought within some days.

The item's own renewal and the customer's visits to the shop come together in one hazard,

    ln H(d) = bias + Σ weight × ln(…)        P(bought within d days) = 1 − exp(−C(H(d)))

of the item's hazard, the visit's, the times it was bought, the share of the orders that it was in, and the silence
beyond the due date, with C a rising curve learned on the past, of items that are due no lower than of those that are
not yet. Weights are ≥ 0, but for silence beyond the due date: so the probability rises with d, and until the item is
due it does not fall while the customer goes on visiting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.renewal import DUE_PHASE, Bought, Ints, Renewal, Waiting
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats

TERMS: Final = ("item", "visit", "orders", "share", "ripe", "beyond", "beyond_often")
"""What the hazard is made of."""
KINDS: Final = ("early", "due", "other")
"""Items with a due date that is later than the days asked for, items whose is not, and items without one."""
EARLY: Final = 0
DUE: Final = 1
OTHER: Final = 2
WEEK_DAYS: Final = 7.0
_LEAST: Final = 1e-9
_RIPENS: Final = 0.1
"""The silence, in gaps, up to which just bought is just bought."""
_MOST_ORDERS_BEFORE: Final = 1.0
"""Who has bought an item so often has no rhythm of their own in it."""


class Due(NamedTuple):
    """(n,) each, of a customer and item."""

    due_us: Floats
    """NaN: not to be called due, since it was bought once and its buyers seldom come back to it, or its buyer has
    been silent so long that they will have left it."""
    gap_days: Floats
    probability: Floats
    waiting: Waiting
    raw: Floats
    """The logarithm of the hazard before what came of such."""
    terms: Floats
    """(TERMS, n): what `raw` is the weighted sum of, beside the bias."""


@dataclass(frozen=True, slots=True)
class ClockTables:
    """What is learned of a shop's items. `bias`, `weights` (TERMS,), and the curves: `hazards` and what
    `came` of them, (KINDS, k) each, logarithms, ascending.

    `items`: rhythms of the items in the order of `item_ids`, then of the categories in that of `category_ids`, then of
    the shop. `visits` has the one rhythm of orders.
    """

    item_ids: NDArray[np.str_]
    category_ids: NDArray[np.str_]
    items: Renewal
    visits: Renewal
    bias: float
    weights: Floats
    hazards: Floats
    came: Floats
    least_stays: float = 0.5
    """The chance of another purchase from which an item bought once is called due."""
    least_left: float = 0.2
    """The chance that the customer still stays, with the item and with the shop, from which an item is called due."""

    def rhythm_places(self, item_ids: NDArray[np.str_], category_ids: NDArray[np.str_] | None = None) -> Ints:
        """Of each item its rhythm's place: its own, or else its category's, or else the shop's."""
        places = np.full(len(item_ids), len(self.items.gap_days) - 1)
        if category_ids is not None:
            at, known = _find(self.category_ids, category_ids)
            places[known] = len(self.item_ids) + at[known]
        at, known = _find(self.item_ids, item_ids)
        places[known] = at[known]
        return places

    def read(self, bought: Bought, rhythms: Ints, orders: Bought, as_of_us: int, days: float = WEEK_DAYS) -> Due:
        """Due dates, and probabilities of a purchase in (as_of, as_of + days].

        `orders`: the customer's orders as purchases of one item, the shop: (n,) each, or (1,) of one customer.
        """
        gap_days, stays = self.items.expect(bought, rhythms)
        waiting = self.items.wait_for(gap_days, stays, bought, as_of_us)
        visiting = self.visits.wait(orders, np.zeros(len(orders.orders), np.int64), as_of_us)
        is_called = (bought.orders > _MOST_ORDERS_BEFORE) | (stays >= self.least_stays)
        is_called &= waiting.stays * visiting.stays >= self.least_left
        terms = self.terms(bought, orders, waiting, visiting, days)
        raw = self.bias + self.weights @ terms
        hazard = self.curve(raw, find_kinds(is_called, waiting, days))
        due_us = np.where(is_called, bought.last_us + waiting.gap_days * DAY_US, np.nan)
        return Due(due_us, gap_days, -np.expm1(-np.exp(hazard)), waiting, raw, terms)

    def terms(self, bought: Bought, orders: Bought, waiting: Waiting, visiting: Waiting, days: float) -> Floats:
        """(TERMS, n)."""
        terms = np.empty((len(TERMS), len(bought.orders)))
        hazard, visit, often, share, ripe, beyond, beyond_often = terms
        hazard[:] = np.log(np.maximum(self.items.hazard(waiting, days), _LEAST))
        visit[:] = np.log(np.maximum(self.visits.hazard(visiting, days), _LEAST))
        np.log(bought.orders, often)
        share[:] = np.log(bought.orders / np.maximum(orders.orders, bought.orders))
        phase = waiting.phase / DUE_PHASE
        ripe[:] = np.log(np.minimum(np.maximum(phase, _RIPENS), 1.0)) * often**2
        np.log(np.maximum(phase, 1.0), beyond)
        np.multiply(beyond, often, beyond_often)
        return terms

    def curve(self, raw: Floats, kinds: Ints) -> Floats:
        """What came of such hazards, logarithms; beyond the knots it goes on with a slope of 1."""
        came = np.empty(len(raw))
        for kind in range(len(KINDS)):
            which = kinds == kind
            came[which] = self._curve_of(kind, raw[which])
        due = kinds == DUE
        came[due] = np.maximum(came[due], self._curve_of(EARLY, raw[due]))
        return came

    def _curve_of(self, kind: int, raw: Floats) -> Floats:
        inside = np.minimum(np.maximum(raw, self.hazards[kind, 0]), self.hazards[kind, -1])
        return np.asarray(np.interp(inside, self.hazards[kind], self.came[kind]) + raw - inside)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What `from_arrays` reads; no objects, so that it can be stored without pickle."""
        found: dict[str, NDArray[np.generic]] = {"item_ids": self.item_ids, "category_ids": self.category_ids}
        found |= {name: np.asarray(getattr(self, name), np.float64) for name in _NUMBERS}
        for part in _RENEWALS:
            renewal: Renewal = getattr(self, part)
            found |= {f"{part}_{name}": values for name, values in renewal.arrays().items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Raises KeyError where one is missing."""
        items, visits = (Renewal.from_arrays(_arrays_of(arrays, f"{part}_")) for part in _RENEWALS)
        weights, hazards, came = (np.asarray(arrays[name], np.float64) for name in ("weights", "hazards", "came"))
        bias, *least = (float(np.asarray(arrays[name], np.float64)) for name in ("bias", "least_stays", "least_left"))
        ids = (np.asarray(arrays["item_ids"], np.str_), np.asarray(arrays["category_ids"], np.str_))
        return cls(*ids, items, visits, bias, weights, hazards, came, *least)


def find_kinds(is_called: NDArray[np.bool_], waiting: Waiting, days: float) -> Ints:
    """(n,): places in KINDS."""
    is_early = waiting.phase + days / waiting.gap_days < DUE_PHASE
    return np.where(is_called, np.where(is_early, EARLY, DUE), OTHER)


_RENEWALS: Final = ("items", "visits")
_NUMBERS: Final = ("bias", "weights", "hazards", "came", "least_stays", "least_left")


def _arrays_of(arrays: Mapping[str, NDArray[np.generic]], prefix: str) -> dict[str, Floats]:
    return {
        name.removeprefix(prefix): np.asarray(values, np.float64)
        for name, values in arrays.items()
        if name.startswith(prefix)
    }


def _find(known: NDArray[np.str_], wanted: NDArray[np.str_]) -> tuple[Ints, NDArray[np.bool_]]:
    """Of each its place among the known, ascending, and whether it is there."""
    if not len(known):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return at, known[at] == wanted
