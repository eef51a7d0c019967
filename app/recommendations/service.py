"""One recommendation: what may be shown, what the scenario is about, what the merchant wishes, and the choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Final

import numpy as np

from app.items.held import Mask
from app.lifecycle.features import Floats
from app.lifecycle.ranking.choosing import NO_CATEGORY, Shelf, choose_items
from app.recommendations.assortment import Assortment, Ints
from app.recommendations.histories import Habits, History, Shown, read_habits
from app.recommendations.merchant_rules import MerchantRule, Wishes
from app.recommendations.pools import AT, Pool, are_among, by_order, stack
from app.recommendations.scenarios import Asked, Found, find
from app.recommendations.wanted import OF_BASKET, Wanted

HOUR_US: Final = 3_600_000_000
"""Ages are counted to the hour: within it the same request has the same answer, while nothing changes."""
_VARIETY: Final = {"replenish": 1.0, "discover": 0.8}
_USUAL_VARIETY: Final = 0.9
_PERSONAL: Final = frozenset(("replenish", "discover", "home"))
"""Scenarios that are about one customer and nothing else."""
_SEEN_ENOUGH: Final = 2
_SINKS: Final = 0.5
_SINKS_AT_MOST: Final = 4.0
"""Of an item that was shown and never taken: each time after the second its score falls by _SINKS."""
_SUBSTITUTE: Final = 8.0
"""By which what may stand in for something in the basket falls behind what goes with it."""
_LOOKED_AT: Final = (16, 8)
"""Ranked items that are chosen from: so many, and so many for each that is asked for; where there are boosts, all."""
_EVERY: Final = 1000
_FIRST_LOOK: Final = (32, 4)
"""What sells, that is chosen from at first."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """The items chosen, in the order shown: places in `pool`. `pinned` are by place."""

    asked: Asked
    found: Found
    pool: Pool
    chosen: Sequence[int]
    pinned: Mapping[int, MerchantRule]
    boosted_by: Mapping[int, MerchantRule]
    is_short: bool

    def item_ids(self) -> list[str]:
        """In the order shown."""
        return [self.asked.id_of(int(self.pool.items[place])) for place in self.chosen]


def probabilities_of(told: Recommended) -> list[float | None] | None:
    """Of each item chosen, that it is bought within seven days, None of what is pinned beside them; None: they are not
    called due, or no clock tells."""
    due = told.found.due
    if due is None:
        return None
    of_item = dict(zip(due.pool.items.tolist(), due.probability.tolist(), strict=True))
    said = [of_item.get(item, nan) for item in told.pool.items[told.chosen].tolist()]
    return None if all(map(isnan, said)) else [None if isnan(each) else each for each in said]


def recommend(
    wanted: Wanted, history: History | None, assortment: Assortment, rules: Sequence[MerchantRule], now_us: int
) -> Recommended:
    """Of a customer with this history; None: of nobody who is known."""
    asked, wishes = _ask(wanted, history, assortment, rules, now_us)
    found = find(asked)
    pool = stack([_keep_allowed(pool, asked) for pool in found.pools])
    pool = _fill(pool, found, asked, wishes)
    boosted = _adjust(pool, asked, wishes)
    return _choose(pool, found, asked, wishes, boosted)


def has_any(
    wanted: Wanted, history: History, assortment: Assortment, rules: Sequence[MerchantRule], now_us: int
) -> bool:
    """Whether there is anything that the scenario is about: of `replenish` something that is due."""
    if wanted.scenario != "replenish" and not assortment.has_packs:  # spares a look at each: there are more than known
        shown = _allow(wanted, None, None, assortment, _wishes(wanted, assortment, rules, now_us), now_us)
        if np.count_nonzero(shown) > len(history.items.item_ids):
            return True
    asked, _ = _ask(wanted, history, assortment, rules, now_us)
    if wanted.scenario != "replenish":
        return bool(asked.allowed.any()) or (wanted.scenario != "discover" and bool(asked.strays))
    due = find(asked).due
    return due is not None and len(_keep_allowed(due.pool, asked).items) > 0


def _ask(
    wanted: Wanted, history: History | None, assortment: Assortment, rules: Sequence[MerchantRule], now_us: int
) -> tuple[Asked, Wishes | None]:
    """The request with all that is known for it, and what the merchant wishes."""
    history = None if history is None else history.permitted()
    as_of_us = now_us - now_us % HOUR_US
    habits = bought = None
    if history is not None:
        as_of_us = max(as_of_us, history.last_us())
        if history.items.item_ids:
            habits = read_habits(history.items, assortment.at, len(assortment.ids), as_of_us)
            bought = habits.kept()
    wishes = _wishes(wanted, assortment, rules, now_us)
    allowed = _allow(wanted, history, habits, assortment, wishes, now_us)
    is_weighed = wishes is not None and wishes.is_weighed
    looked_at = _EVERY if is_weighed else _LOOKED_AT[0] + _LOOKED_AT[1] * wanted.limit
    lifted = assortment.lifted(wishes)
    return Asked(wanted, history, habits, bought, assortment, allowed, now_us, as_of_us, looked_at, lifted), wishes


def _wishes(wanted: Wanted, assortment: Assortment, rules: Sequence[MerchantRule], now_us: int) -> Wishes | None:
    in_force = [
        rule for rule in rules if rule.effect != "limit" and rule.is_in_force(wanted.scenario, wanted.store, now_us)
    ]
    return assortment.wishes(in_force)


def _allow(
    wanted: Wanted,
    history: History | None,
    habits: Habits | None,
    assortment: Assortment,
    wishes: Wishes | None,
    now_us: int,
) -> Mask:
    """(items,): what may be shown to whoever asks."""
    allowed = assortment.may_be_shown(now_us, wanted.store, wanted.in_stock_only, wanted.category)
    if wishes is not None:
        allowed = allowed & wishes.shown
    out = [n for item_id in (*wanted.exclude, *wanted.basket) if (n := assortment.at.get(item_id)) is not None]
    known = _known_too_well(wanted, history, habits, assortment)
    if not out and not len(known):
        return allowed
    allowed = allowed.copy()
    allowed[out] = False
    known = known[known < len(allowed)]
    allowed[known] = False
    if wanted.scenario == "discover":
        allowed[assortment.packs_like(known)] = False
    return allowed


def _known_too_well(wanted: Wanted, history: History | None, habits: Habits | None, assortment: Assortment) -> Ints:
    """What a customer is not offered for having had it: all that is no discovery; and what they gave back."""
    if history is None or habits is None or wanted.scenario not in _PERSONAL:
        return np.arange(0)
    if wanted.scenario != "discover":
        return habits.items[habits.is_returned]
    forgotten = [n for item_id in history.forgotten if (n := assortment.at.get(item_id)) is not None]
    return np.concatenate([habits.items, np.array(forgotten, np.int64)])


def _keep_allowed(pool: Pool, asked: Asked) -> Pool:
    """Of what nothing but the customer's history knows, what is not excluded; but within a category none of it."""
    width = len(asked.allowed)
    if not asked.strays:
        kept = asked.allowed.take(pool.items)
        return pool if kept.all() else pool.some(kept)
    inside = pool.items < width
    kept = np.zeros(len(pool.items), np.bool_)
    kept[inside] = asked.allowed[pool.items[inside]]
    if not inside.all() and not asked.wanted.category:
        out = {*asked.wanted.exclude, *asked.wanted.basket}
        for place in np.flatnonzero(~inside).tolist():
            kept[place] = asked.id_of(int(pool.items[place])) not in out
    return pool if kept.all() else pool.some(kept)


def _fill(pool: Pool, found: Found, asked: Asked, wishes: Wishes | None) -> Pool:
    """With pins, and with what sells until there are enough products."""
    if wishes is not None and wishes.pins:
        pinned = np.array([at for _, at, _ in wishes.pins], np.int64)
        pool = stack([pool, by_order(pinned[asked.allowed[pinned]])])
    if not found.is_filled:
        return pool
    limit = asked.wanted.limit
    look = _FIRST_LOOK[0] + _FIRST_LOOK[1] * limit
    order = asked.assortment.best_selling(asked.wanted.store)
    selling = order[:0]
    while _count_products(pool, asked.assortment, selling) < limit and len(selling) < len(order):
        first = order[:look]
        selling = first[asked.allowed[first]]
        if look >= len(order):
            break
        look *= 8
    return stack([pool, by_order(selling)]) if len(selling) else pool


def _count_products(pool: Pool, assortment: Assortment, more: Ints) -> int:
    if not assortment.has_packs:
        return len(pool.items) + int((~np.isin(more, pool.items)).sum() if len(more) else 0)
    width = len(assortment.ids)
    items = np.concatenate([pool.items, more]) if len(more) else pool.items
    inside = items[items < width]
    return len(set(assortment.products.take(inside).tolist())) + len(items) - len(inside)


def _adjust(pool: Pool, asked: Asked, wishes: Wishes | None) -> dict[int, MerchantRule]:
    """Adds what comes to scores last, in place; which rule boosted which item."""
    _sink(pool, {} if asked.history is None else asked.history.shown, asked)
    if asked.wanted.scenario in OF_BASKET:
        _put_substitutes_behind(pool, asked)
    boosted: dict[int, MerchantRule] = {}
    if wishes is not None:
        inside = np.flatnonzero(pool.items < len(asked.allowed))
        factors = wishes.factors[pool.items[inside]]
        pool.terms[inside, AT["boost"]] = np.log(factors)
        for place in inside[factors != 1.0].tolist():
            rule = wishes.boosted_by[int(pool.items[place])]
            if rule is not None:
                boosted[int(pool.items[place])] = rule
    return boosted


def is_tired(shown: Shown) -> bool:
    """Whether an item was shown often enough and never taken."""
    return shown.shown > _SEEN_ENOUGH and not shown.taken


def _sink(pool: Pool, shown: Mapping[str, Shown], asked: Asked) -> None:
    tired = {item_id: each.shown for item_id, each in shown.items() if is_tired(each)}
    if not tired:
        return
    place_of = {item: place for place, item in enumerate(pool.items.tolist())}
    for item_id, times in tired.items():
        place = place_of.get(asked.number_of(item_id))
        if place is not None:
            pool.terms[place, AT["shown"]] = -min(_SINKS * (times - _SEEN_ENOUGH), _SINKS_AT_MOST)


def _put_substitutes_behind(pool: Pool, asked: Asked) -> None:
    """What stands in for an item of the basket, or it for that; and another pack of the same product."""
    assortment = asked.assortment
    alike = [
        at for each in assortment.catalogue.alike(asked.wanted.basket) if (at := assortment.at.get(each)) is not None
    ]
    if alike:
        stands_in = are_among(pool.items, np.array(alike, np.int64))
        pool.terms[stands_in, AT["substitute"]] = -_SUBSTITUTE


def _choose(
    pool: Pool, found: Found, asked: Asked, wishes: Wishes | None, boosted: Mapping[int, MerchantRule]
) -> Recommended:
    wanted = asked.wanted
    products, categories = _shelve(pool, asked)
    pins, pinned = [], {}
    if wishes is not None and wishes.pins:
        place_of = {item: place for place, item in enumerate(pool.items.tolist())}
        for rank, at, rule in wishes.pins:
            if at in place_of:
                pins.append((rank, place_of[at]))
                pinned[place_of[at]] = rule
    scores: Floats = pool.scores
    shelf = Shelf(np.exp(scores - scores.max(initial=-np.inf)) if len(scores) else scores, categories, products)
    variety = _VARIETY.get(wanted.scenario, _USUAL_VARIETY)
    chosen = choose_items(shelf, wanted.limit, variety, pins)
    return Recommended(asked, found, pool, chosen, pinned, boosted, len(chosen) < wanted.limit)


def _shelve(pool: Pool, asked: Asked) -> tuple[Ints, Ints]:
    """(n,) each: products and categories."""
    assortment, width = asked.assortment, len(asked.allowed)
    if not asked.strays:
        return assortment.products[pool.items], assortment.categories[pool.items]
    inside = pool.items < width
    products, categories = -1 - pool.items, np.full(len(pool.items), NO_CATEGORY)
    products[inside] = assortment.products[pool.items[inside]]
    categories[inside] = assortment.categories[pool.items[inside]]
    return products, categories
