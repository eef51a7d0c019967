"""Packs of one product as one: whoever bought the large one yesterday needs no small one today."""

import numpy as np

from app.items.held import Mask
from app.recommendations.histories import Habits, Ints


def join_packs(habits: Habits, products: Ints, allowed: Mask, most_orders: float) -> Habits:
    """Habits of products, each as of one of its packs: the one bought last, of those that may be shown.

    (items,): `products`, the same for packs of one, and `allowed`. Orders are added up, to `most_orders` at most: two
    packs may have been of one order, which the states of items do not tell.
    """
    inside = habits.items < len(products)
    product, is_allowed = -1 - habits.items, np.ones(len(habits.items), np.bool_)
    product[inside] = products[habits.items[inside]]
    if len(set(product.tolist())) == len(product):
        return habits
    is_allowed[inside] = allowed[habits.items[inside]]
    order = np.lexsort((habits.last_us, is_allowed, product))
    is_last = np.append(product[order][1:] != product[order][:-1], True)[: len(order)]
    ends = np.flatnonzero(is_last)
    starts = np.append(0, ends[:-1] + 1)
    last_us = np.maximum.reduceat(habits.last_us[order], starts)
    before_us = np.where(habits.last_us[order] < np.repeat(last_us, ends - starts + 1), habits.last_us[order], np.nan)
    orders, quantity, short, long = (
        np.add.reduceat(column[order], starts)
        for column in (habits.orders, habits.quantity, habits.decayed_30d, habits.decayed_120d)
    )
    items = habits.items[order][ends]
    joined = habits._replace(
        items=items,
        orders=np.minimum(orders, np.maximum(most_orders, np.maximum.reduceat(habits.orders[order], starts))),
        quantity=quantity,
        first_us=np.minimum.reduceat(habits.first_us[order], starts),
        last_us=last_us,
        second_last_us=np.fmax.reduceat(np.fmax(habits.second_last_us[order], before_us), starts),
        decayed_30d=short,
        decayed_120d=long,
        is_returned=np.zeros(len(items), np.bool_),
    )
    return joined.at(items.argsort())
