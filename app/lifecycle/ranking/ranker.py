"""The ranker of items as it is served: candidates, signals, tables; in microseconds, and each score with its terms."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.ranking.candidates import MOST_OWN, find_candidates
from app.lifecycle.ranking.facts import Facts
from app.lifecycle.ranking.owned import Buyers, Ints, Owned
from app.lifecycle.ranking.signals import (
    ITEM,
    NEAR,
    OWN,
    SIGNALS,
    Pairs,
    buyer_signals,
    make_pairs,
    near_signals,
    own_signals,
)
from app.lifecycle.ranking.tables import Codes, PairTables

_NEAR_AT: Final = len(OWN)
_ITEM_AT: Final = _NEAR_AT + len(NEAR)
_BUYER_AT: Final = _ITEM_AT + len(ITEM)


class Ranked(NamedTuple):
    """(n,) each: items, the best first, of equal ones the first by place; their log-odds of being in the next basket,
    whether the customer had bought them before, and (n, SIGNALS + pairs) what the log-odds are the sum of."""

    items: Ints
    scores: Floats
    is_own: NDArray[np.bool_]
    terms: Floats


@dataclass(frozen=True, slots=True)
class ItemRanker:
    """Two tables over the same facts: of all items, and of those that are new to a customer."""

    facts: Facts
    of_all: PairTables
    of_new: PairTables
    _item_codes: dict[int, NDArray[np.uint8]] = field(init=False, repr=False, compare=False)
    """By table: the bins of the items' own signals, (items, ITEM), looked up once for all."""
    usual_pull: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    """(factors,): the mean of those of the items that rise."""

    def __post_init__(self) -> None:
        codes = {
            id(tables): np.ascontiguousarray(tables.codes(self.facts.signals, _ITEM_AT).T)
            for tables in (self.of_all, self.of_new)
        }
        object.__setattr__(self, "_item_codes", codes)
        pulls = self.facts.pulls
        object.__setattr__(
            self, "usual_pull", pulls.mean(axis=0) if len(pulls) else np.zeros(pulls.shape[1], np.float32)
        )

    def rank(
        self,
        owned: Owned,
        buyers: Buyers,
        limit: int,
        *,
        only_new: bool = False,
        allowed: NDArray[np.bool_] | None = None,
        also: Ints | None = None,
    ) -> Ranked:
        """The best of one customer. `allowed` (items,): others are never looked at; so many are found unless fewer of
        the candidates are. `also`: items that are candidates whoever the customer is."""
        of_buyer = buyer_signals(owned, buyers)
        strong = owned.strongest(MOST_OWN)
        found = find_candidates(strong, 0, self.facts, only_new)
        if also is not None and len(also):
            found = np.union1d(found, also)
        if allowed is not None:
            found = found[allowed[found]]
        if only_new:
            found = found[~_are_own(owned, found)]
        pairs = make_pairs(strong, np.zeros(len(found), np.int64), found, len(self.facts.gap_days))
        tables = self.of_new if only_new else self.of_all
        codes = self.codes(tables, pairs, strong, of_buyer, buyers)
        scores = tables.score_codes(codes)
        best = _best(scores, limit)
        items = found[best]
        return Ranked(items, scores[best], _are_own(owned, items), tables.terms(codes.take(best, axis=1)).T)

    def codes(self, tables: PairTables, pairs: Pairs, owned: Owned, of_buyer: Floats, buyers: Buyers) -> Codes:
        """(SIGNALS, n): the bins of `pair_signals`, of one customer."""
        codes = np.empty((len(SIGNALS), len(pairs.items)), np.uint8)
        of_own = tables.codes(own_signals(owned, buyers, self.facts))
        codes[:_NEAR_AT] = of_own.take(pairs.places, axis=1)
        codes[_NEAR_AT:_ITEM_AT] = tables.codes(near_signals(pairs, owned, buyers, self.facts), _NEAR_AT)
        codes[_ITEM_AT:_BUYER_AT] = self._item_codes[id(tables)].take(pairs.items, axis=0).T
        codes[_BUYER_AT:] = tables.codes(of_buyer, _BUYER_AT)
        return codes


def _are_own(owned: Owned, items: Ints) -> NDArray[np.bool_]:
    """(n,): the weak ones too, that are not looked at for themselves."""
    if not len(owned.items):
        return np.zeros(len(items), np.bool_)
    return np.asarray(owned.items.take(owned.items.searchsorted(items), mode="clip") == items)


def _best(scores: Floats, limit: int) -> Ints:
    """Places of the greatest, the greatest first; of equal ones the first."""
    if limit < len(scores):
        edge = np.partition(scores, -limit)[-limit]
        kept = (scores >= edge).nonzero()[0]
        return np.asarray(kept[(-scores[kept]).argsort(kind="stable")][:limit])
    return np.asarray((-scores).argsort(kind="stable"))
