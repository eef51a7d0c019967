"""Units of items that a shop will sell: by the clocks of those who buy them and by what was sold of late.

How much either counts is learned of the past, by how often the item is bought; and so is the interval: among forecasts
of as many purchases, the quantiles of what came.

A single order of a thousand pieces tells little of the next week. So pieces of one purchase count up to CAP times the
item's typical purchase (the median), in whatever is expected; not in what is compared with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

import numpy as np

from app.lifecycle.clocks.clock import WEEK_DAYS, ClockTables
from app.lifecycle.clocks.renewal import Bought, Ints
from app.lifecycle.features import Floats

LATE_DAYS: Final = 56
"""Days of late by which items are expected to sell: eight of each weekday."""
HORIZONS: Final = (7, 28)
"""Days ahead of which a shop's own past is asked: within a month clocks know more than within a week."""
YEAR_DAYS: Final = 364
"""Last year's same days: whole weeks ago, so that a Saturday is compared with a Saturday."""
FEWEST_DAYS: Final = 7.0
"""An item that has been sold for less is taken to have been sold for so long."""
CAP: Final = 5.0
COVERAGE: Final = 0.8
"""The share of what came that intervals are to hold."""


def expect_purchases(
    tables: ClockTables, bought: Bought, rhythms: Ints, orders: Bought, as_of_us: int, days: float
) -> Floats:
    """(n,): how often each is bought in (as_of, as_of + days], on average.

    The first time by the clock, P(d); after it at the pace of the gap while they stay, which is as renewals go in the
    long run (elementary renewal theorem): m(d) = P(d) + s/g ∫₀ᵈ P(t) dt, by Simpson's rule.
    """
    half = tables.read(bought, rhythms, orders, as_of_us, days / 2)
    whole = tables.read(bought, rhythms, orders, as_of_us, days)
    _, stays = tables.items.expect(bought, rhythms)
    waited = days / 6 * (4 * half.probability + whole.probability)
    return np.asarray(whole.probability + stays / whole.gap_days * waited)


def average_weekdays(late: Floats, sold_days: Floats, days: int) -> Floats:
    """(n,): units of the next `days` as the same weekdays brought on average. `late` (n, LATE_DAYS): by whole days
    back, the last 24 hours first; of it the last `sold_days` (n,) count, as whole weeks where there is one."""
    weeks = (np.minimum(sold_days, LATE_DAYS) // 7).astype(np.int64)
    found = late.sum(axis=1) / np.maximum(sold_days, 1.0) * days
    for count in np.unique(weeks[weeks > 0]).tolist():
        which = weeks == count
        # a week ago is the day that comes next
        ahead = late[which, : 7 * count].reshape(-1, count, 7).mean(axis=1)[:, ::-1]
        found[which] = ahead[:, np.arange(days) % 7].sum(axis=1)
    return np.asarray(found)


class Expected(NamedTuple):
    """(n,) each. `weight` of the clocks in `units`."""

    units: Floats
    low: Floats
    high: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class DemandTables:
    """What the past says of forecasts. `paces` (k,) ascending, purchases a week of late, part the classes of items;
    `weights` (k + 1,), of the clocks in each.

    `purchases` (m,) ascending from 0, as expected; `low` and `high` (m,), in purchases, what came at least and at most
    in COVERAGE of such cases.
    """

    paces: tuple[float, ...]
    weights: tuple[float, ...]
    purchases: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def blend(self, clocks: Floats, late: Floats, typical: Floats, days: float) -> Expected:
        """Units within `days`: by clocks, NaN where none tells, and as of late; of items of such a typical purchase."""
        pace = late / typical * WEEK_DAYS / days
        weight = np.asarray(self.weights)[np.searchsorted(self.paces, pace, side="right")]
        weight = np.where(np.isnan(clocks), 0.0, weight)
        units = weight * np.where(np.isnan(clocks), 0.0, clocks) + (1.0 - weight) * late
        low, high = (self._reach(units / typical, reach) * typical for reach in (self.low, self.high))
        return Expected(units, low, high, weight)

    def _reach(self, purchases: Floats, reach: tuple[float, ...]) -> Floats:
        """Between knots straight lines; beyond the last in the same proportion."""
        beyond = np.maximum(purchases / self.purchases[-1], 1.0)
        return np.asarray(np.interp(purchases, self.purchases, reach) * beyond)


def tables_for(learned: Mapping[int, DemandTables], days: float) -> DemandTables:
    """Those of as many days ahead as nearly as there are, by proportion; the usual ones where nothing was learned."""
    return learned[min(learned, key=lambda ahead: abs(log(ahead / days)))] if learned else USUAL


USUAL: Final = DemandTables(
    paces=(0.25, 1.0, 4.0, 16.0, 64.0),
    weights=(0.0, 0.0, 0.25, 0.25, 0.25, 0.25),
    purchases=(0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0),
    low=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 2.06, 6.65, 13.35, 24.9),
    high=(0.0, 0.8, 1.0, 3.0, 4.0, 7.19, 13.5, 22.4, 41.2, 73.6, 126.5, 224.3),
)
"""Of a shop whose own past has not been asked: what a wholesaler's past says, and of weights the less of two shops'
(docs/explanation/demand.md)."""
