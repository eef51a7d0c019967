"""Baskets as the states that the service keeps: what customers have bought, item by item."""

from typing import Final

import numpy as np

from app.lifecycle.ranking.owned import Buyers, Owned
from ml.data.baskets import Baskets, Floats

WEEK_DAYS: Final = 7.0
"""A basket without a time stands for a week: so weigh those before it ½ after four."""
_HALF_LIVES_DAYS: Final = (30.0, 120.0)


def ages_of(baskets: Baskets, until: float) -> Floats:
    """(lines,): days before `until`; without times, weeks before the basket that comes next."""
    if baskets.is_timed:
        return until - baskets.days
    number = baskets.last_baskets() + 1
    return np.asarray((number[baskets.customers] - baskets.baskets) * WEEK_DAYS)


def own(baskets: Baskets, ages: Floats) -> Owned:
    """The states of all customers; those without a history have none."""
    pairs = baskets.customers * len(baskets.item_ids) + baskets.items
    order = pairs.argsort(kind="stable")  # baskets of a customer follow one another
    pairs, ages = pairs[order], ages[order]
    begins = np.flatnonzero(np.append(len(pairs) > 0, np.diff(pairs) != 0))
    ends = np.append(begins, len(pairs))[1:] - 1
    orders = ends - begins + 1
    customers, items = np.divmod(pairs[begins], len(baskets.item_ids))
    return Owned(
        np.searchsorted(customers, np.arange(len(baskets.customer_ids) + 1)),
        items,
        orders.astype(np.float64),
        ages[begins],
        ages[ends],
        np.where(orders > 1, ages[np.maximum(ends - 1, 0)], np.nan),
        *(np.add.reduceat(2.0 ** (-ages / days), begins) for days in _HALF_LIVES_DAYS),
    )


def total(baskets: Baskets, ages: Floats) -> Buyers:
    """Of all customers; NaN and 0 of those without a history."""
    is_new = np.append(True, (np.diff(baskets.customers) != 0) | (np.diff(baskets.baskets) != 0))
    customers, ages, count = baskets.customers[is_new], ages[is_new], len(baskets.customer_ids)
    first, last = np.full(count, np.nan), np.full(count, np.nan)
    last[customers] = ages  # sorted by basket: the last stays
    first[customers[::-1]] = ages[::-1]
    short, long = (np.bincount(customers, 2.0 ** (-ages / days), count) for days in _HALF_LIVES_DAYS)
    orders = np.bincount(customers, minlength=count)
    return Buyers(*(np.asarray(column, np.float64) for column in (orders, first, last, short, long)))
