"""Answers that are given again as they are, to the same request of somebody of whom nothing has changed.

A page asks anew whenever it is drawn. What is known of the customer is read all the same, so that an answer is never
older than what it is about; what is spared is making it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from app.customers.item_states import ItemStates
from app.lifecycle.states import ITEM
from app.recommendations.assortment import Assortment
from app.recommendations.histories import History
from app.recommendations.keeping import Given
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.spells import Spells
from app.recommendations.wanted import Wanted

MOST_BYTES: Final = 8 << 20
"""Of answers held by a process; those given longest ago go first."""
_BESIDE_BYTES: Final = 2_000
"""Of an answer, beside its items, roughly."""
_MOST_NAMED: Final = 50
"""Items that a request names: longer ones are not held."""

Mark = tuple[int, int] | None
_Key = tuple[str | None, Wanted]


class Answer(NamedTuple):
    """What is told but for its `recommendation_id`, and what is kept of it but for that and its time."""

    told: Mapping[str, Any]
    given: Given


class _Held(NamedTuple):
    answer: Answer
    size: int
    mark: Mark
    rules: Sequence[MerchantRule]
    from_us: int
    until_us: int


class Remembered:
    """The answers of one assortment that a process holds, none of them beyond its hour."""

    def __init__(self, assortment: Assortment, spells: Spells) -> None:
        self._assortment = assortment
        self._spells = spells
        self._held: OrderedDict[_Key, _Held] = OrderedDict()
        self._bytes = 0
        self._until_us = 0

    def find(
        self, customer_id: str | None, wanted: Wanted, mark: Mark, rules: Sequence[MerchantRule], now_us: int
    ) -> Answer | None:
        """The answer to the same request, of somebody with the same mark; None: it is to be made."""
        held = self._held.get((customer_id, wanted))
        if held is None or held.mark != mark or held.rules is not rules:
            return None
        if not held.from_us <= now_us < held.until_us:
            return None
        self._held.move_to_end((customer_id, wanted))
        return held.answer

    def hold(
        self,
        customer_id: str | None,
        wanted: Wanted,
        mark: Mark,
        rules: Sequence[MerchantRule],
        answer: Answer,
        size: int,
        span_us: tuple[int, int],
    ) -> None:
        """`size`: bytes of its items. `span_us`: when it was made, and from when on it would read otherwise."""
        if len(wanted.exclude) + len(wanted.basket) > _MOST_NAMED:
            return
        from_us, until_us = span_us
        ends_us = self._spells.until_us(rules, from_us)
        if ends_us != self._until_us:  # a new spell, in which nothing that is held is right
            self._held.clear()
            self._bytes, self._until_us = 0, ends_us
        self._drop(self._held.pop((customer_id, wanted), None))
        self._held[customer_id, wanted] = _Held(answer, size, mark, rules, from_us, min(until_us, ends_us))
        self._bytes += size + _BESIDE_BYTES
        while self._bytes > MOST_BYTES:
            self._drop(self._held.popitem(last=False)[1])

    def _drop(self, held: _Held | None) -> None:
        if held is not None:
            self._bytes -= held.size + _BESIDE_BYTES


def mark_of(history: History | None) -> Mark:
    """The same where all that is known of a customer is the same; None: there is nobody."""
    if history is None:
        return None
    told = (history.customer, history.shown, history.forgotten)
    return _mark_items(history.items), hash(orjson.dumps(told, default=tuple))


def _mark_items(items: ItemStates) -> int:
    """64 bits, whatever the order of the items, which the database does not keep: the sum of what is drawn of each."""
    ids = np.fromiter(map(hash, items.item_ids), np.int64, len(items.item_ids)).view(np.uint64)
    drawn = (items.numbers.view(np.uint64) * _ODD[: items.numbers.shape[1]]).sum(axis=1) ^ ids
    drawn *= _ODD[-1]
    drawn ^= drawn >> np.uint64(32)
    return int((drawn * _ODD[-2]).sum())


_ODD: Final = np.random.default_rng().integers(1 << 63, size=len(ITEM.measures) + 2, dtype=np.uint64) * 2 + 1
"""Factors by chance, others in each process."""
