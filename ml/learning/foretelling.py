"""Units of items foretold at days of the past, and what a shop's own past says of such forecasts.

What is learned goes into the artefact: how much clocks count beside late sales, and how far off what came lay.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.clocks.demand import CAP, HORIZONS, DemandTables, average_weekdays, expect_purchases
from ml.data.baskets import Ints
from ml.data.purchases import Purchases
from ml.data.unit_sales import LateSales, count_units, look_back
from ml.learning.clocks import TooFewPurchases, find_pairs, fit_clock
from ml.learning.demand import Forecasts, fit_demand, join_forecasts

CUTOFFS: Final = 4
SPACED_DAYS: Final = 28
_MOST_CUSTOMERS: Final = 20_000
"""Of whom the clocks that are tried are learned. With fewer they know less than those that serve, and are not trusted
more than these deserve."""
_BEST: Final = 1_500
_DRAWN: Final = 1_500
"""Items that are foretold: those that sold most before the first cut-off, and as many of the others, drawn."""
_SEED: Final = 23


class Foretold(NamedTuple):
    """Of all items; `known`: which had been bought before the day."""

    forecasts: Forecasts
    late: LateSales
    known: NDArray[np.bool_]


def foretell_units(purchases: Purchases, orders: Purchases, clocks: ClockTables, day: float, days: int) -> Foretold:
    """Units in [day, day + days), by what was bought before `day`, and what came. `orders` are of all purchases of the
    same customers (`as_orders`), of which `purchases` may be some items'."""
    late = look_back(purchases, day)
    count = len(late.typical)
    pairs = find_pairs(purchases, orders, day)
    times = expect_purchases(clocks, pairs.bought, pairs.items, pairs.orders, pairs.as_of_us, days)
    pieces = np.minimum(pairs.bought.quantity / pairs.bought.orders, CAP * late.typical[pairs.items])
    again = np.bincount(pairs.items, weights=times * pieces, minlength=count)
    forecasts = Forecasts(
        again + late.new * days,
        average_weekdays(late.usual, late.sold_days, days),
        late.typical,
        np.full(count, float(days)),
        count_units(purchases, day, day + days),
    )
    return Foretold(forecasts, late, np.bincount(pairs.items, minlength=count) > 0)


def learn_demand(purchases: Purchases, until: float) -> dict[int, DemandTables]:
    """By days ahead, each of HORIZONS: of forecasts at CUTOFFS whose days are over by `until` (days since 1970), by
    clocks of before the first of them. Raises TooFewPurchases."""
    days = [until - SPACED_DAYS * number for number in range(CUTOFFS, 0, -1)]
    some = _of_some_customers(purchases)
    clocks = fit_clock(some, days[0])
    orders, chosen = purchases.as_orders(), _choose_items(purchases, days[0])
    sold = purchases.keep(np.isin(purchases.items, chosen))
    learned = {}
    for ahead in HORIZONS:
        told = [foretell_units(sold, orders, clocks, day, ahead) for day in days]
        learned[ahead] = fit_demand(join_forecasts(each.forecasts.keep(each.known) for each in told))
    return learned


def _of_some_customers(purchases: Purchases) -> Purchases:
    count = len(purchases.customer_ids)
    if count <= _MOST_CUSTOMERS:
        return purchases
    chosen = np.zeros(count, bool)
    chosen[np.random.default_rng(_SEED).permutation(count)[:_MOST_CUSTOMERS]] = True
    return purchases.keep(chosen[purchases.customers])


def _choose_items(purchases: Purchases, day: float) -> Ints:
    """Raises TooFewPurchases where nothing was sold before `day`."""
    sold = np.bincount(purchases.items[purchases.days < day], minlength=len(purchases.item_ids))
    if not sold.any():
        raise TooFewPurchases("nothing was sold before the first forecast")
    order = np.argsort(-sold, kind="stable")
    others = order[_BEST : np.count_nonzero(sold)]
    drawn = np.random.default_rng(_SEED).permutation(len(others))[:_DRAWN]
    return np.sort(np.concatenate([order[:_BEST], others[drawn]]))
