"""Which items each scenario is about, and how they score, before the merchant's wishes and what was shown in vain.

A list is filled up in an order that never changes: what the scenario is about, then what the customer is likely to
want, then what sells. `replenish` alone is not filled: what is not due is not called so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.items.held import Mask
from app.lifecycle.features import Floats
from app.lifecycle.ranking.signals import BUYER, ITEM, NEAR, OWN
from app.recommendations.assortment import Assortment
from app.recommendations.companions import Companions, find_companions
from app.recommendations.due import DueItems, find_due
from app.recommendations.histories import Habits, History, buyers_of, orders_of, owned_of
from app.recommendations.packs import join_packs
from app.recommendations.pools import AT, NOTHING, TERMS, Pool, make_pool
from app.recommendations.wanted import OF_BASKET, Wanted

Ints = NDArray[np.int64]
_OWN_AMOUNTS: Final = 6
_SUBJECTS: Final = (
    *["habit"] * _OWN_AMOUNTS,
    *["rhythm"] * (len(OWN) - _OWN_AMOUNTS),
    *["companions"] * len(NEAR),
    *["popularity"] * len(ITEM),
    *["customer"] * len(BUYER),
)
"""Of each signal."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with all that is known for it. `habits` None: of somebody who has bought nothing that is known;
    `bought` are those without what was given back.

    `allowed` (items,): what may be shown; `strays` beyond them may be, unless they are excluded. `as_of_us`: by what
    ages are counted, but for those that are told in words.
    """

    wanted: Wanted
    history: History | None
    habits: Habits | None
    bought: Habits | None
    assortment: Assortment
    allowed: Mask
    now_us: int
    as_of_us: int
    looked_at: int
    """How many ranked items are chosen from."""
    lifted: Ints | None = None
    """Items that are looked at because the merchant wants more of them."""

    @property
    def strays(self) -> Sequence[str]:
        """Ids of items that are numbered beyond the assortment."""
        return () if self.habits is None else self.habits.strays

    def number_of(self, item_id: str) -> int | None:
        """Of an item by its id; None: nothing is known of it."""
        number = self.assortment.at.get(item_id)
        if number is None and item_id in self.strays:
            return len(self.assortment.ids) + self.strays.index(item_id)
        return number

    def id_of(self, item: int) -> str:
        """Of a numbered item."""
        width = len(self.assortment.ids)
        return self.assortment.ids[item] if item < width else self.strays[item - width]


@dataclass(frozen=True, slots=True)
class Found:
    """Pools, one behind the other, and what reasons are made of; `is_filled`: what sells comes behind them."""

    pools: Sequence[Pool]
    based_on: str
    due: DueItems | None = None
    companions: Companions | None = None
    is_filled: bool = True


def find(asked: Asked) -> Found:
    """What the scenario is about."""
    scenario, bought = asked.wanted.scenario, asked.bought
    if scenario in OF_BASKET and asked.wanted.basket:
        return _go_with_basket(asked)
    if bought is None or scenario == "popular" or asked.history is None or asked.history.customer is None:
        return Found((), "popularity")
    if not len(bought.items):
        return Found((), "popularity")
    if scenario == "replenish":
        orders, assortment = orders_of(asked.history.customer, bought), asked.assortment
        if assortment.has_packs:
            bought = join_packs(bought, assortment.products, asked.allowed, float(orders.orders[0]))
        rhythms = assortment.rhythms_of(bought.items, bought.strays)
        due = find_due(bought, rhythms, orders, assortment.model, asked.as_of_us)
        return Found((due.pool,), "history", due, is_filled=False)
    return Found((_rank(asked, bought, only_new=scenario == "discover"),), "history")


def _go_with_basket(asked: Asked) -> Found:
    """Companions first, then what the customer is likely to want as well."""
    assortment, bought = asked.assortment, asked.bought
    pools, companions = [], None
    if assortment.model is not None:
        at = (assortment.at.get(item_id) for item_id in asked.wanted.basket)
        basket = np.unique(np.array([n for n in at if n is not None and n < assortment.known], np.int64))
        companions = find_companions(basket, assortment.model)
        pools.append(make_pool(companions.items, popularity=companions.likely, companions=companions.drawn))
    if bought is not None and len(bought.items):
        pools.append(_rank(asked, bought, only_new=False))
    return Found(pools, "basket", companions=companions)


def _rank(asked: Asked, bought: Habits, *, only_new: bool) -> Pool:
    """By the model; without one by how often and how lately it was bought."""
    assortment = asked.assortment
    assert asked.history is not None
    assert asked.history.customer is not None
    own = bought.known(assortment.known)
    if assortment.model is None or not len(own.items):
        return NOTHING if only_new else _rank_plainly(bought)
    ranker = assortment.model.ranker
    ranked = ranker.rank(
        owned_of(own, asked.as_of_us),
        buyers_of(asked.history.customer, bought, asked.as_of_us),
        asked.looked_at,
        only_new=only_new,
        allowed=asked.allowed[: assortment.known],
        also=asked.lifted,
    )
    terms = ranked.terms @ _by_subject(ranked.terms.shape[1])
    terms[:, AT["base"]] = (ranker.of_new if only_new else ranker.of_all).intercept
    return Pool(ranked.items, terms, np.zeros(len(ranked.items), np.int64))


def _rank_plainly(bought: Habits) -> Pool:
    strength = bought.decayed_30d + bought.decayed_120d
    return make_pool(bought.items, habit=np.log(np.maximum(strength, 1e-9)))


@cache
def _by_subject(width: int) -> Floats:
    """(signals + pairs, TERMS): which subject each term of the ranker tells of; of pairs it is their interplay."""
    subjects = [*_SUBJECTS, *["interplay"] * (width - len(_SUBJECTS))]
    matrix = np.zeros((width, len(TERMS)))
    matrix[np.arange(width), [AT[subject] for subject in subjects]] = 1.0
    return matrix
