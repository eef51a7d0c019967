"""All items that may be recommended, by one numbering: those of the model first, then those of the catalogue alone.

What is the same for many requests is made once: how items sell, and what may be shown where.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.items.held import NOTHING, UNKNOWN, Catalogue, Mask, Places
from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.ranking.choosing import NO_CATEGORY
from app.models.item_artefact import ItemModel
from app.recommendations.merchant_rules import MerchantRule, Wishes, weigh
from app.recommendations.nearness import Nearness

Ints = NDArray[np.int64]
_MOST_HELD: Final = 256
"""Masks, and orders of stores, that are held: of 50,000 items some 50 kB and 400 kB each."""
_MOST_LIFTED: Final = 100
_ITEM_RECENT: Final = 5
"""Among `signals.ITEM`: what was bought of it of late."""
_ITEM_ORDERS: Final = 0
_FOR_EVER: Final = np.iinfo(np.int64).max
EVERYWHERE: Final = ""
_MOST_ORDERS: Final = 16


class _Numbered(NamedTuple):
    """What stays the same while no item comes to the catalogue."""

    ids: Sequence[str]
    at: Mapping[str, int]
    places: Places
    order: Ints


class Assortment:
    """Of one model and one version of the catalogue. (items,) each: `ids`, `places` in the catalogue, `products`, the
    same for packs of one, and `categories`.

    `known`: how many the model has, which come first.
    """

    def __init__(self, model: ItemModel | None, catalogue: Catalogue, before: "Assortment | None" = None) -> None:
        """`before` spares what is the same still."""
        self.model, self.catalogue = model, catalogue
        self.known = 0 if model is None else len(model.item_ids)
        self.nearness: Nearness | None
        if before is not None and before.model is model:
            self.nearness = before.nearness
        else:
            self.nearness = None if model is None else Nearness(model)
        self._numbered: _Numbered
        self._orders: dict[str, Ints]
        if before is not None and before.model is model and before.catalogue.places is catalogue.places:
            self._numbered, self._orders = before._numbered, before._orders
        else:
            ids, at = _number(model, catalogue)
            order = np.concatenate([sales_order(model), np.arange(self.known, len(ids))])
            self._numbered, self._orders = _Numbered(ids, at, catalogue.places_of(ids), order), {}
        self.ids, self.at, self.places = self._numbered.ids, self._numbered.at, self._numbered.places
        records = catalogue.records
        packs = records["pack"][self.places].astype(np.int64)
        categories = records["category"][self.places].astype(np.int64)
        self.products: Ints = np.where(packs == NOTHING, -1 - np.arange(len(packs)), packs)
        self.categories: Ints = np.where(categories == NOTHING, NO_CATEGORY, categories)
        self.has_packs = bool((packs != NOTHING).any())
        self._packs: tuple[Ints, Ints] | None = None
        self._rhythms: NDArray[np.int32] | None = None
        self._selling: dict[str, frozenset[int]] = {}
        self._titles: dict[int, dict[str, str | None]] = {}
        self._shown: dict[tuple[str | None, bool, tuple[str, ...]], tuple[Mask, int]] = {}
        self._wishes: dict[tuple[int, ...], tuple[tuple[MerchantRule, ...], Wishes]] = {}
        self._lifted: tuple[Wishes, Ints] | None = None

    def may_be_shown(self, at_us: int, store: str | None, in_stock_only: bool, category: tuple[str, ...]) -> Mask:
        """(items,): those that are not hidden, valid, in stock where that is asked, and within the category."""
        key = (store if in_stock_only and store in self.catalogue.exceptions else None, in_stock_only, category)
        mask, until_us = self._shown.get(key, (None, -1))
        if mask is None or at_us >= until_us:
            mask = self.catalogue.may_be_shown(self.places, at_us) & self.catalogue.are_within(self.places, category)
            if in_stock_only:
                mask &= self.catalogue.are_in_stock(self.places, store)
            if len(self._shown) >= _MOST_HELD:
                self._shown.clear()
            self._shown[key] = mask, self.next_change_us(at_us)
        return mask

    def next_change_us(self, at_us: int) -> int:
        """When the next item becomes valid, or is so no more."""
        times = [self.catalogue.records[name] for name in ("valid_from_us", "valid_to_us")]
        return min(int(each[each > at_us].min(initial=_FOR_EVER)) for each in times)

    def lifted(self, wishes: Wishes | None) -> Ints | None:
        """Of the items of the model that the merchant wants more of, those that sell best: they are looked at for
        whoever asks, so that a boost has a score to multiply. None: there are none."""
        if wishes is None or not wishes.is_weighed:
            return None
        if self._lifted is None or self._lifted[0] is not wishes:
            order = self._numbered.order[: self.known]
            self._lifted = wishes, order[wishes.factors.take(order) > 1.0][:_MOST_LIFTED]
        return self._lifted[1]

    def wishes(self, rules: Sequence[MerchantRule]) -> Wishes | None:
        """What rules that are in force make of all items; None: there are none."""
        if not rules:
            return None
        key = tuple(map(id, rules))
        if key not in self._wishes:
            if len(self._wishes) >= _MOST_HELD:
                self._wishes.clear()
            # the rules are kept beside, since an id is of whoever comes next once they are gone
            self._wishes[key] = tuple(rules), weigh(rules, self.ids, self.places, self.catalogue)
        return self._wishes[key][1]

    def title(self, item: int) -> dict[str, str | None]:
        """By language, of one of them."""
        title = self._titles.get(item)
        if title is None:
            en, zh = self.catalogue.titles_at(int(self.places[item]))
            title = self._titles[item] = {"en": en, "zh": zh}
        return title

    def packs_like(self, items: Ints) -> Ints:
        """Those that are packs of the same products as these, which are among them; without what stands alone."""
        if not self.has_packs:
            return items[:0]
        if self._packs is None:
            having = np.flatnonzero(self.products > NOTHING)
            having = having[self.products[having].argsort(kind="stable")]
            self._packs = self.products[having], having
        products, having = self._packs
        wanted = self.products.take(items)
        begins, ends = (products.searchsorted(wanted, side) for side in ("left", "right"))
        sizes = ends - begins
        ascending = np.arange(sizes.sum()) + np.repeat(begins - np.cumsum(sizes) + sizes, sizes)
        return np.asarray(having.take(ascending))

    def rhythms_of(self, items: Ints, strays: Sequence[str]) -> Ints | None:
        """(n,): the places of their rhythms among those of the model; None: it has no clocks. `strays` are the ids of
        items numbered beyond the assortment."""
        clocks = None if self.model is None else self.model.clocks
        if clocks is None:
            return None
        width = len(self.ids)
        inside = items < width
        if inside.all():
            return self._known_rhythms(items, clocks)
        ids = np.array([strays[item - width] for item in items[~inside].tolist()], np.str_)
        found = np.empty(len(items), np.int64)
        found[inside] = self._known_rhythms(items[inside], clocks)
        found[~inside] = clocks.rhythm_places(ids, np.zeros(len(ids), np.str_))
        return found

    def _known_rhythms(self, items: Ints, clocks: ClockTables) -> Ints:
        """Each is looked for once: texts are dear to look for."""
        if self._rhythms is None:
            self._rhythms = np.full(len(self.ids), -1, np.int32)
        unread = items[self._rhythms.take(items) < 0]
        if len(unread):
            paths = [self.catalogue.category_at(place) for place in self.places[unread].tolist()]
            leaves = np.array([path[-1] if path else "" for path in paths], np.str_)
            ids = np.array([self.ids[item] for item in unread.tolist()], np.str_)
            self._rhythms[unread] = clocks.rhythm_places(ids, leaves)
        return self._rhythms.take(items).astype(np.int64)

    def best_selling(self, store: str | None) -> Ints:
        """All items, what sells best first: in the store, then everywhere, then those nothing is known of."""
        popular = {} if self.model is None else self.model.popular
        if store is None or store not in popular:
            return self._first(popular, EVERYWHERE)
        return self._first(popular, store)

    def sells(self, item: int, store: str) -> bool:
        """Whether an item is among what is popular in a store, or EVERYWHERE; of a model that does not tell, whether it
        is of the better half."""
        popular = {} if self.model is None else self.model.popular
        if store not in self._selling:
            best = popular.get(store, self._numbered.order[: self.known // 2] if store == EVERYWHERE else ())
            self._selling[store] = frozenset(np.asarray(best).tolist())
            if len(self._selling) > _MOST_ORDERS:
                del self._selling[next(iter(self._selling))]
        return item in self._selling[store]

    def _first(self, popular: Mapping[str, NDArray[np.int64]], store: str) -> Ints:
        if store not in popular:
            return self._numbered.order
        if store not in self._orders:
            if len(self._orders) >= _MOST_ORDERS:
                self._orders.clear()
            behind = self._numbered.order if store == EVERYWHERE else self._first(popular, EVERYWHERE)
            self._orders[store] = _distinct(np.concatenate([popular[store], behind]))
        return self._orders[store]


def _number(model: ItemModel | None, catalogue: Catalogue) -> tuple[Sequence[str], Mapping[str, int]]:
    known: Sequence[str] = () if model is None else model.item_ids
    at: Mapping[str, int] = {} if model is None else model.places
    more = [item_id for item_id in catalogue.ids[UNKNOWN + 1 :] if item_id not in at]
    if not more:
        return known, at
    return [*known, *more], {**at, **{item_id: len(known) + n for n, item_id in enumerate(more)}}


def sales_order(model: ItemModel | None) -> Ints:
    """The model's items, what sells of late first."""
    if model is None:
        return np.arange(0)
    signals = model.ranker.facts.signals
    return np.asarray((-(signals[_ITEM_ORDERS] + signals[_ITEM_RECENT])).argsort(kind="stable"))


def _distinct(items: Ints) -> Ints:
    """Each where it comes first."""
    _, first = np.unique(items, return_index=True)
    return np.asarray(items[np.sort(first)])
