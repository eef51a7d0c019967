"""Units sold by item and day, and the figures of an item that forecasts of units are made of."""

from typing import NamedTuple

import numpy as np

from app.lifecycle.clocks.demand import CAP, FEWEST_DAYS, LATE_DAYS
from app.lifecycle.features import Floats
from ml.data.baskets import Ints
from ml.data.purchases import Purchases


class LateSales(NamedTuple):
    """As seen at the beginning of a day. `told` and `usual`, capped by the `typical` purchase, are (items, LATE_DAYS),
    by whole days back. (items,): `new` are capped units a day of first purchases; `sold_days` of LATE_DAYS."""

    told: Floats
    usual: Floats
    typical: Floats
    new: Floats
    sold_days: Floats


def look_back(purchases: Purchases, day: float) -> LateSales:
    """At everything that is known before a day."""
    known = purchases.keep(purchases.days < day)
    late = known.keep(known.days > day - LATE_DAYS)
    count = len(purchases.item_ids)
    typical = _medians(late.items, late.quantities, count)
    starts = known.starts()
    first_days, items = known.days[starts], known.items[starts]
    never = np.isnan(typical)
    if never.any():
        typical[never] = _medians(items, known.quantities[starts], count)[never]
    typical = np.nan_to_num(typical, nan=1.0)
    oldest = np.full(count, np.inf)
    np.minimum.at(oldest, items, first_days)
    recorded = max(day - float(known.days.min()), FEWEST_DAYS)
    sold_days = np.minimum(np.clip(day - oldest, FEWEST_DAYS, LATE_DAYS), recorded)
    is_new = first_days > day - LATE_DAYS
    pieces = np.minimum(known.quantities[starts], CAP * typical[items])[is_new]
    new = np.bincount(items[is_new], weights=pieces, minlength=count) / sold_days
    place = late.items * LATE_DAYS + np.ceil(day - late.days).astype(np.int64) - 1
    capped = np.minimum(late.quantities, CAP * typical[late.items])
    told, usual = (
        np.bincount(place, each, count * LATE_DAYS).astype(np.float64).reshape(count, LATE_DAYS)
        for each in (late.quantities, capped)
    )
    return LateSales(told, usual, typical, new, sold_days)


def count_units(purchases: Purchases, begin: float, end: float) -> Floats:
    """(items,): units in [begin, end)."""
    within = (purchases.days >= begin) & (purchases.days < end)
    items, pieces = purchases.items[within], purchases.quantities[within]
    return np.bincount(items, pieces, len(purchases.item_ids)).astype(np.float64)


def _medians(items: Ints, quantities: Floats, count: int) -> Floats:
    """(count,): the lower of two middle ones; NaN where there are none."""
    order = np.lexsort((quantities, items))
    sizes = np.bincount(items, minlength=count)
    found = np.full(count, np.nan)
    some = sizes > 0
    found[some] = quantities[order][(np.cumsum(sizes) - sizes + (sizes - 1) // 2)[some]]
    return found
