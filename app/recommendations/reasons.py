"""Why an item is recommended, in words, English and Chinese, by what is true of it."""

from collections.abc import Collection, Mapping, Sequence
from math import floor
from typing import Final

import numpy as np

from app.lifecycle.clocks.phrases import Habit, say_habit
from app.lifecycle.events import DAY_US
from app.recommendations.assortment import EVERYWHERE
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.pools import Ints
from app.recommendations.service import Recommended

_WORTH_TELLING: Final = 1.95
"""A lift from which it is told."""
FOR_EVER_US: Final = (1 << 63) - 1
Reason = dict[str, str]
_Own = Sequence[float]
"""(orders, time of the first, of the last), of an item that the customer has bought."""


class Explaining:
    """Reasons of one recommendation: what all of its items need is found once. `until_us`: from when on any of those
    that were asked for would read otherwise, a day on."""

    def __init__(self, recommended: Recommended) -> None:
        self._told = recommended
        self.until_us = FOR_EVER_US
        asked = recommended.asked
        self._habits = asked.bought
        self._due: Mapping[int, int] = {}
        if recommended.found.due is not None:
            due = recommended.found.due
            self._due = _place_of(due.pool.items)
        self._companions: Mapping[int, int] = {}
        if recommended.found.companions is not None:
            self._companions = _place_of(recommended.found.companions.items)
        chosen = recommended.pool.items[recommended.chosen].tolist()
        self._owned = self._find_owned(chosen)
        self._in_baskets, self._by_owners, self._by_taste = self._find_near(chosen)

    def _find_owned(self, chosen: list[int]) -> Mapping[int, _Own]:
        """Of those of the chosen items that the customer has bought, what their habit is."""
        habits = self._habits
        if habits is None or not len(habits.items):
            return {}
        places = np.minimum(habits.items.searchsorted(chosen), len(habits.items) - 1)
        columns = (habits.items, habits.orders, habits.first_us, habits.last_us)
        found = zip(chosen, *(column.take(places).tolist() for column in columns), strict=True)
        return {item: told for item, owned, *told in found if item == owned}

    def _find_near(self, chosen: list[int]) -> tuple[Mapping[int, int], Mapping[int, int], Collection[int]]:
        """Of the chosen items that are new to the customer: own items that they stand close to; or that they are to the
        customer's taste."""
        assortment = self._told.asked.assortment
        nearness = assortment.nearness
        if nearness is None or self._habits is None or self._told.asked.wanted.scenario == "popular":
            return {}, {}, ()
        near_to = [n for n in chosen if n < assortment.known and n not in self._companions and n not in self._owned]
        if not near_to or not len(self._habits.items):
            return {}, {}, ()
        own = set(self._habits.items.tolist())
        in_baskets = nearness.find_in_baskets(near_to, own)
        others = [n for n in near_to if n not in in_baskets]
        by_owners = nearness.find_by_owners(others, own)
        others = [n for n in others if n not in by_owners]
        return in_baskets, by_owners, nearness.find_by_taste(others, self._habits.items)

    def due(self, item: int) -> tuple[float, float] | None:
        """(due, probability) of an item that is; NaN: not known."""
        place, due = self._due.get(item), self._told.found.due
        return None if place is None or due is None else (float(due.due_us[place]), float(due.probability[place]))

    def reasons(self, place: int, item: int) -> list[Reason]:
        """Of an item, at a place of the pool; the first is the foremost."""
        said = []
        if (pin := self._told.pinned.get(place)) is not None:
            said.append(_wished("pinned", pin, "Shown first by the shop", "店家优先推荐"))
        if (boost := self._told.boosted_by.get(item)) is not None:
            more = (boost.factor or 1.0) >= 1.0
            said.append(_wished("boosted", boost, *_BOOSTED[more]))
        return [*said, self._own_reason(item)]

    def _own_reason(self, item: int) -> Reason:
        if item in self._companions:
            return self._say_companion(self._companions[item])
        owned = self._owned.get(item)
        if owned is not None:
            return self._say_habit(item, owned)
        if (partner := self._in_baskets.get(item)) is not None:
            return self._say_of(
                "bought_with", partner, "Often bought with %s, which you have bought", "常与您买过的%s一起购买"
            )
        if (partner := self._by_owners.get(item)) is not None:
            return self._say_of("bought_by_others", partner, "Bought by customers who buy %s too", "购买%s的顾客也常买")
        if item in self._by_taste:
            return dict(_BEGUN)
        return self._say_popular(item)

    def _say_habit(self, item: int, owned: _Own) -> Reason:
        now_us, due = self._told.asked.now_us, self._told.found.due
        orders, first_us, last_us = owned
        if due is not None and item in self._due:
            place, habits = self._due[item], due.habits
            orders, first_us, last_us = (
                float(column[place]) for column in (habits.orders, habits.first_us, habits.last_us)
            )
        days = max(floor((now_us - last_us) / DAY_US), 0)
        self.until_us = min(self.until_us, int(last_us) + (days + 1) * DAY_US)
        if orders < 2:
            return _say_once(days)
        gap_days = float(due.gap_days[place]) if due is not None and item in self._due else None
        habit = Habit(orders, first_us, last_us, gap_days)
        code = "due" if item in self._due else "bought_before"
        return {"code": code, **{language: say_habit(habit, now_us, language) for language in ("en", "zh")}}

    def _say_companion(self, place: int) -> Reason:
        companions = self._told.found.companions
        assert companions is not None
        said = self._say_of("goes_with", int(companions.partners[place]), "Often bought with %s", "常与%s一起购买")
        lift = float(companions.lift[place])
        if lift >= _WORTH_TELLING:
            times = f"{lift:.1f}" if lift < 10 else f"{lift:.0f}"
            said["en"] += f": {times} times as often as by chance"
            said["zh"] += f"：是偶然情况的 {times} 倍"
        return said

    def _say_of(self, code: str, partner: int, en: str, zh: str) -> Reason:
        item_id, assortment = self._told.asked.id_of(partner), self._told.asked.assortment
        title = assortment.title(partner)
        return {"code": code, "en": en % (title["en"] or item_id), "zh": zh % (title["zh"] or item_id)}

    def _say_popular(self, item: int) -> Reason:
        assortment, store = self._told.asked.assortment, self._told.asked.wanted.store
        if store is not None and assortment.sells(item, store):
            return {"code": "popular_in_store", "en": "Popular in this store", "zh": "本店热销"}
        if assortment.sells(item, EVERYWHERE):
            return {"code": "popular", "en": "Popular now", "zh": "当前热销"}
        return {"code": "in_catalogue", "en": "From our range", "zh": "本店商品"}


def _place_of(items: Ints) -> Mapping[int, int]:
    return dict(zip(items.tolist(), range(len(items)), strict=True))


_BEGUN: Final = {
    "code": "begun_by_others",
    "en": "Begun with of late by customers of your taste",
    "zh": "与您口味相近的顾客近来开始购买",
}
_BOOSTED: Final = {
    True: ("The shop shows more of these", "店家近期主推"),
    False: ("The shop shows fewer of these", "店家减少展示"),
}


def _wished(code: str, rule: MerchantRule, en: str, zh: str) -> Reason:
    title = rule.title
    if title is None:
        return {"code": code, "rule_id": rule.rule_id, "en": en, "zh": zh}
    return {"code": code, "rule_id": rule.rule_id, "en": title.en, "zh": title.zh}


def _say_once(days: int) -> Reason:
    ago = "less than a day" if not days else "1 day" if days == 1 else f"{days:,} days"
    chinese = f"{days:,} 天前" if days else "不到 1 天前"
    return {"code": "bought_once", "en": f"Bought once, {ago} ago", "zh": f"买过一次，{chinese}"}
