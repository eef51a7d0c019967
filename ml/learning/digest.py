"""A history, digested: what the ranker of items knows at the end of it, and which items it looks at."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.ranking.candidates import MOST_OWN, find_candidates
from app.lifecycle.ranking.facts import Facts
from app.lifecycle.ranking.owned import Buyers, Owned
from app.lifecycle.ranking.signals import buyer_signals, make_pairs, pair_signals
from ml.data.baskets import Baskets, Ints
from ml.learning.item_facts import make_facts
from ml.learning.owning import ages_of, own, total

_CELLS_AT_ONCE: Final = 4_000_000
"""Customers × items that are spread out together."""
_CUSTOMERS_AT_ONCE: Final = 500
Choose = Callable[[Ints, Ints], NDArray[np.bool_]]
"""(customers, items) → whether each pair is wanted."""


@dataclass(frozen=True, slots=True)
class Digest:
    """States of customers, and facts of items."""

    baskets: Baskets
    owned: Owned
    buyers: Buyers
    facts: Facts

    @property
    def width(self) -> int:
        """Items."""
        return len(self.baskets.item_ids)

    def is_own(self, customers: Ints, items: Ints) -> NDArray[np.bool_]:
        """(n,): whether customers had bought items."""
        pairs = make_pairs(self.owned, customers, items, self.width)
        return pairs.places < len(self.owned.items)


@dataclass(frozen=True, slots=True)
class Candidates:
    """(pairs,) each: items that may be shown to customers, whether they were bought before, and (signals, pairs), as
    fine as they are binned."""

    customers: Ints
    items: Ints
    is_own: NDArray[np.bool_]
    signals: NDArray[np.float32]

    def keep(self, wanted: NDArray[np.bool_]) -> "Candidates":
        """Those that are wanted."""
        return Candidates(self.customers[wanted], self.items[wanted], self.is_own[wanted], self.signals[:, wanted])


def digest(baskets: Baskets, until: float) -> Digest:
    """All that the ranker knows of a history; `until`: the day after its end (any, where there are no times)."""
    ages = ages_of(baskets, until)
    owned, buyers = own(baskets, ages), total(baskets, ages)
    return Digest(baskets, owned, buyers, make_facts(baskets, ages, owned, buyers))


def look_at(
    known: Digest, customers: Ints, choose: Choose | None = None, *, only_new: bool = False
) -> Iterator[Candidates]:
    """The candidates of customers, some customers at a time; `choose` tells which pairs are wanted, before anything
    is made of them. `only_new`: those of new items alone."""
    step = min(max(_CELLS_AT_ONCE // known.width, 1), _CUSTOMERS_AT_ONCE)
    for first in range(0, len(customers), step):
        some = customers[first : first + step]
        whole, buyers = known.owned.of_customers(some), known.buyers.of_customers(some)
        owned = whole.strongest(MOST_OWN)
        found = [find_candidates(owned, row, known.facts, only_new) for row in range(len(some))]
        rows, items = np.repeat(np.arange(len(some)), [len(each) for each in found]), np.concatenate(found)
        is_own = make_pairs(whole, rows, items, known.width).places < len(whole.items)
        wanted = ~is_own if only_new else np.ones(len(items), bool)
        if choose is not None:
            wanted &= choose(some[rows], items)
        rows, items, is_own = rows[wanted], items[wanted], is_own[wanted]
        pairs = make_pairs(owned, rows, items, known.width)
        signals = pair_signals(pairs, owned, buyer_signals(whole, buyers), buyers, known.facts)
        yield Candidates(some[rows], items, is_own, signals.astype(np.float32))


def join_candidates(parts: Iterable[Candidates]) -> Candidates:
    """All of them as one."""
    found = list(parts)
    return Candidates(
        np.concatenate([each.customers for each in found]),
        np.concatenate([each.items for each in found]),
        np.concatenate([each.is_own for each in found]),
        np.concatenate([each.signals for each in found], axis=1),
    )
