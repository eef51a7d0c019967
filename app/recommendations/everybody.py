"""Lists that are the same for whoever asks: what sells. Made once, for as long as nothing changes."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from app.recommendations.assortment import Assortment
from app.recommendations.histories import History
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.rendering import render_items
from app.recommendations.service import Recommended, is_tired, recommend
from app.recommendations.spells import Spells
from app.recommendations.wanted import Wanted

_MOST_HELD: Final = 128


class Listed(NamedTuple):
    """A recommendation, with its items as JSON where these are known before."""

    told: Recommended
    items: orjson.Fragment | None = None


class _Held(NamedTuple):
    """What was listed, by which rules, and until when it stays as it is."""

    listed: Listed
    rules: Sequence[MerchantRule]
    from_us: int
    until_us: int


def is_everybodys(wanted: Wanted, history: History | None) -> bool:
    """Whether nothing of the customer counts, nor of this one request. Of baskets and exclusions there are too many
    to hold lists of."""
    if wanted.basket or wanted.exclude or wanted.offers:
        return False
    return history is None or (
        history.customer is None and not history.items.item_ids and not any(map(is_tired, history.shown.values()))
    )


class Everybody:
    """The lists of one assortment that a process holds."""

    def __init__(self, assortment: Assortment, spells: Spells) -> None:
        self._assortment = assortment
        self._spells = spells
        self._held: dict[Wanted, _Held] = {}

    def list_items(self, wanted: Wanted, rules: Sequence[MerchantRule], now_us: int) -> Listed:
        """As `recommend` of nobody who is known."""
        held = self._held.get(wanted)
        if held is None or held.rules is not rules or not held.from_us <= now_us < held.until_us:
            held = self._make(wanted, rules, now_us)
        return held.listed

    def _make(self, wanted: Wanted, rules: Sequence[MerchantRule], now_us: int) -> _Held:
        told = recommend(wanted, None, self._assortment, rules, now_us)
        listed = Listed(told, orjson.Fragment(orjson.dumps(render_items(told).items)))
        if len(self._held) >= _MOST_HELD:
            self._held.clear()
        made = self._held[wanted] = _Held(listed, rules, now_us, self._spells.until_us(rules, now_us))
        return made
