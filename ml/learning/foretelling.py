"""Units of items foretold at days of the past, and what a shop's own past says of such forecasts.

What is learned goes into the artefact: how much clocks count beside late sales, and how far off what came lay.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.clocks.demand import CAP, HORIZONS, DemandTables, average_weekdays, expect_purchases
from app.lifecycle.features import Floats
from ml.data.purchases import Purchases
from ml.data.unit_sales import LateSales, count_units, look_back
from ml.learning.clocks import Pairs, TooFewPurchases, find_pairs, fit_clock
from ml.learning.demand import Forecasts, fit_demand, join_forecasts

CUTOFFS: Final = 4
SPACED_DAYS: Final = 28
_MOST_CUSTOMERS: Final = 10_000
"""Of whom the clocks that are tried are learned. With fewer they know less than those that serve, and are not trusted
more than these deserve."""
_BEST: Final = 500
_DRAWN: Final = 2_000
"""Items that are foretold: those that sold most before the first cut-off, and so many of the others, drawn."""
_MOST_BUYERS: Final = 1_000
"""Of an item, of whom the clocks are asked."""
_SEED: Final = 23


class Outlook(NamedTuple):
    """What is known of all items at the beginning of a day: sales of late; those who have bought them, with the
    units of a purchase times how many buyers each stands for; `known`: which had been bought before."""

    day: float
    late: LateSales
    pairs: Pairs
    pieces: Floats
    known: NDArray[np.bool_]


def look_out(purchases: Purchases, orders: Purchases, day: float, most_buyers: int | None = None) -> Outlook:
    """By what was bought before `day`. `orders` are of all purchases of the same customers (`as_orders`), of which
    `purchases` may be some items'. Of an item with more buyers about `most_buyers` are drawn, and stand for all."""
    late, pairs = look_back(purchases, day), find_pairs(purchases, orders, day)
    buyers = np.bincount(pairs.items, minlength=len(late.typical))
    pieces = np.minimum(pairs.bought.quantity / pairs.bought.orders, CAP * late.typical[pairs.items])
    if most_buyers is not None and (buyers > most_buyers).any():
        is_drawn = np.random.default_rng(_SEED).random(len(pieces)) * buyers[pairs.items] < most_buyers
        pairs, pieces = pairs.some(is_drawn), pieces[is_drawn]
        drawn = np.bincount(pairs.items, minlength=len(buyers))
        pieces = pieces * (buyers / np.maximum(drawn, 1))[pairs.items]
    return Outlook(day, late, pairs, pieces, buyers > 0)


def foretell_units(seen: Outlook, clocks: ClockTables, purchases: Purchases, days: int) -> Forecasts:
    """Units in [day, day + days), and what came of it in `purchases`; of all items."""
    late, pairs = seen.late, seen.pairs
    count = len(late.typical)
    times = expect_purchases(clocks, pairs.bought, pairs.items, pairs.orders, pairs.as_of_us, days)
    return Forecasts(
        np.bincount(pairs.items, weights=times * seen.pieces, minlength=count) + late.new * days,
        average_weekdays(late.usual, late.sold_days, days),
        late.typical,
        np.full(count, float(days)),
        count_units(purchases, seen.day, seen.day + days),
    )


def learn_demand(purchases: Purchases, until: float, orders: Purchases | None = None) -> dict[int, DemandTables]:
    """By days ahead, each of HORIZONS: of forecasts at CUTOFFS whose days are over by `until` (days since 1970), by
    clocks of before the first of them. `orders` are `purchases.as_orders()`. Raises TooFewPurchases."""
    days = [until - SPACED_DAYS * number for number in range(CUTOFFS, 0, -1)]
    orders = purchases.as_orders() if orders is None else orders
    chosen = _choose_customers(len(purchases.customer_ids))
    some, theirs = (each.keep(chosen[each.customers]) for each in (purchases, orders))
    clocks = fit_clock(some, days[0], theirs)
    sold = purchases.keep(_choose_items(purchases, days[0])[purchases.items])
    told: dict[int, list[Forecasts]] = {ahead: [] for ahead in HORIZONS}
    for day in days:
        seen = look_out(sold, orders, day, _MOST_BUYERS)
        for ahead, forecasts in told.items():
            forecasts.append(foretell_units(seen, clocks, sold, ahead).keep(seen.known))
    return {ahead: fit_demand(join_forecasts(forecasts)) for ahead, forecasts in told.items()}


def _choose_customers(count: int) -> NDArray[np.bool_]:
    chosen = np.zeros(count, bool)
    chosen[np.random.default_rng(_SEED).permutation(count)[:_MOST_CUSTOMERS]] = True
    return chosen


def _choose_items(purchases: Purchases, day: float) -> NDArray[np.bool_]:
    """(items,). Raises TooFewPurchases where nothing was sold before `day`."""
    sold = np.bincount(purchases.items[purchases.days < day], minlength=len(purchases.item_ids))
    if not sold.any():
        raise TooFewPurchases("nothing was sold before the first forecast")
    order = np.argsort(-sold, kind="stable")
    others = order[_BEST : np.count_nonzero(sold)]
    drawn = np.random.default_rng(_SEED).permutation(len(others))[:_DRAWN]
    chosen = np.zeros(len(sold), bool)
    chosen[order[:_BEST]] = True
    chosen[others[drawn]] = True
    return chosen
