"""What will sell soon, store by store: what sold of late, drawn to what sells everywhere, and turned with the season.

The season of an item is what was sold of it in the month a year ago that is the coming one, over the month before that:
drawn to its category's, and that to the shop's. Without a year and a month of history there is none.
"""

from typing import Final

import numpy as np

from ml.data.baskets import Floats, Ints
from ml.data.purchases import Purchases

EVERYWHERE: Final = ""
MOST: Final = 100
"""Items of a store, beside the best of each category."""
OF_CATEGORY: Final = 10
MOST_STORES: Final = 1_000
"""Those in which most is sold."""
_HALF_LIFE_DAYS: Final = 30.0
_MONTH_DAYS: Final = 30.0
_YEAR_DAYS: Final = 365.0
_STORE_PRIOR: Final = 100.0
"""Purchases of late, as they sell everywhere, that a store's own are added to."""
_SEASON_PRIOR: Final = 20.0
"""Purchases of a month, as the category's or the shop's went, that an item's or a category's are added to."""


def find_popular(purchases: Purchases, until: float) -> dict[str, Ints]:
    """(k,) places in `purchases.item_ids` by store, the best first; '' is everywhere. What was bought before `until`
    (days since 1970), for the month from then on."""
    weights = 2.0 ** ((purchases.days - until) / _HALF_LIFE_DAYS)
    width = len(purchases.item_ids)
    season = _find_season(purchases, until)
    everywhere = np.bincount(purchases.items, weights, width)
    popular = {EVERYWHERE: _choose(everywhere * season, purchases.categories)}
    usual = everywhere * _STORE_PRIOR / everywhere.sum()
    sales = np.bincount(purchases.stores, minlength=len(purchases.store_ids))
    order = np.argsort(purchases.stores, kind="stable")
    starts = np.append(0, np.cumsum(sales))
    for store in np.sort(np.argsort(-sales, kind="stable")[:MOST_STORES]).tolist():
        name = str(purchases.store_ids[store])
        if name != EVERYWHERE:
            own = order[starts[store] : starts[store + 1]]
            sold = np.bincount(purchases.items[own], weights[own], width)
            popular[name] = _choose((sold + usual) * season, purchases.categories)
    return popular


def _choose(scores: Floats, categories: Ints) -> Ints:
    """The best of all, and the best of each category that is known, as they rank among all."""
    ranked = np.argsort(-scores, kind="stable")
    ranked = ranked[scores[ranked] > 0]
    grouped = np.argsort(categories[ranked], kind="stable")
    of_group = categories[ranked][grouped]
    place = np.arange(len(grouped)) - np.searchsorted(of_group, of_group)
    is_wanted = np.zeros(len(ranked), bool)
    is_wanted[grouped[(place < OF_CATEGORY) & (of_group > 0)]] = True
    is_wanted[:MOST] = True
    return ranked[is_wanted]


def _find_season(purchases: Purchases, until: float) -> Floats:
    """(items,): by what factor the sales of each may change from the month before `until` to the one after."""
    a_year_ago = until - _YEAR_DAYS
    if not len(purchases.days) or purchases.days.min() > a_year_ago - _MONTH_DAYS:
        return np.ones(len(purchases.item_ids))
    ahead = (purchases.days >= a_year_ago) & (purchases.days < a_year_ago + _MONTH_DAYS)
    before = (purchases.days >= a_year_ago - _MONTH_DAYS) & (purchases.days < a_year_ago)
    sold = [np.bincount(purchases.items[which], minlength=len(purchases.item_ids)) for which in (ahead, before)]
    of_category = [np.bincount(purchases.categories, each, len(purchases.category_ids)) for each in sold]
    of_shop = (sold[0].sum() + _SEASON_PRIOR) / (sold[1].sum() + _SEASON_PRIOR)
    in_category = (of_category[0] + _SEASON_PRIOR * of_shop) / (of_category[1] + _SEASON_PRIOR)
    usual = np.where(purchases.categories > 0, in_category[purchases.categories], of_shop)
    return np.asarray((sold[0] + _SEASON_PRIOR * usual) / (sold[1] + _SEASON_PRIOR))
