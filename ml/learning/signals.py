"""What a history says of a customer and an item: the inputs of the ranker of items, and of the rules beside it.

A gap divided by one's own few gaps ranks worse than plain silence, so rhythms are shrunk to the item's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ml.data.baskets import Baskets, Floats, Ints
from ml.learning.neighbours import nearest_rows

DECAYS: Final = (0.95, 0.85, 0.6)
"""Weights of a basket for each that came after it."""
CUSTOMERS_AT_ONCE: Final = 500
RECENT_DAYS: Final = 30.0
_ALIKE_CUSTOMERS: Final = 300
_COMPANIONS: Final = 60
_CANDIDATES: Final = 60
"""Of each source beside the customer's own items."""
_REPEAT_PRIOR: Final = 5.0
_REPEAT_SHARE: Final = 0.1
_GAP_PRIOR: Final = 2.0
"""Gaps of the item that weigh as much as the customer's own ones."""
_RECENT_PRIOR: Final = 3.0

SIGNALS: Final = (
    *("own_count", "own_decayed_95", "own_decayed_85", "own_decayed_60", "own_share", "own_share_decayed"),
    *("baskets_since", "baskets_between", "mean_gap_baskets", "baskets_since_first", "days_since", "days_over_gap"),
    *("item_baskets", "item_owners", "item_repeat_share", "item_last_baskets", "item_recent_share", "item_recent"),
    *("baskets", "mean_size", "repeat_share", "last_size", "distinct_items", "days_since_basket"),
    *("alike_customers", "companions", "companions_of_last", "companions_owned"),
)
_IS_OF_TIME: Final = np.array([name.startswith("days_") for name in SIGNALS])
"""Without times they are 0: a column of unknowns cannot be learned from."""


@dataclass(frozen=True, slots=True)
class Own:
    """What customers bought of items: (pairs,) each, by customer (between `starts`) and item."""

    starts: Ints
    items: Ints
    keys: Ints
    """Ascending: customer × `width` + item."""
    width: int
    purchases: Floats
    decayed: Floats
    """(decays, pairs)."""
    last: Ints
    before_last: Ints
    """Baskets; −1: bought once."""
    first: Ints
    last_day: Floats
    first_day: Floats

    @property
    def sizes(self) -> Ints:
        """(customers,): how many items they have bought."""
        return np.diff(self.starts)

    def items_of(self, customer: int) -> Ints:
        """What a customer has bought, each item once."""
        return self.items[self.starts[customer] : self.starts[customer + 1]]

    def matrix(self, values: Floats) -> sparse.csr_matrix:
        """(pairs,) → (customers, items)."""
        return sparse.csr_matrix((values, self.items, self.starts), shape=(len(self.starts) - 1, self.width))

    def find(self, customers: Ints, items: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """(n,) each: the place of a customer's item, and whether it was bought at all."""
        wanted = customers * self.width + items
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return place, self.keys[place] == wanted


@dataclass(frozen=True, slots=True)
class Signals:
    """A history, digested: what is asked of it by customers at a time."""

    baskets: Baskets
    number: Ints
    """(customers,) baskets."""
    own: Own
    item_baskets: Floats
    item_owners: Floats
    item_repeat_share: Floats
    item_last_baskets: Floats
    item_recent: Floats
    item_gap_days: Floats
    recent: sparse.csr_matrix
    """(customers, items), decayed."""
    last_basket: sparse.csr_matrix
    alike: sparse.csr_matrix
    companions: sparse.csr_matrix
    companions_owned: sparse.csr_matrix
    until: float
    """The day after which nothing is known."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """(pairs,) each: items that may be shown to customers, and (pairs, signals)."""

    customers: Ints
    items: Ints
    signals: NDArray[np.float32]

    def keep(self, wanted: NDArray[np.bool_]) -> "Candidates":
        """Those that are wanted."""
        return Candidates(self.customers[wanted], self.items[wanted], self.signals[wanted])


def digest(baskets: Baskets, until: float) -> Signals:
    """All that the ranker knows of a history; `until`: the day after its end (any, where there are no times)."""
    customers, items = len(baskets.customer_ids), len(baskets.item_ids)
    number = baskets.last_baskets() + 1
    ages = (number - 1)[baskets.customers] - baskets.baskets
    own = _digest_pairs(baskets, ages)
    in_baskets = _count(baskets.items, items)
    repeated, owned = _count(own.items[own.purchases > 1], items), _count(own.items, items)
    is_last = ages == 0
    return Signals(
        baskets=baskets,
        number=number,
        own=own,
        item_baskets=in_baskets,
        item_owners=owned,
        item_repeat_share=(repeated + _REPEAT_SHARE * _REPEAT_PRIOR) / (owned + _REPEAT_PRIOR),
        item_last_baskets=_count(baskets.items[is_last], items),
        item_recent=_recent_share(baskets, ages, until),
        item_gap_days=_gap_days(own),
        recent=own.matrix(own.decayed[0]),
        last_basket=_ones(baskets.customers[is_last], baskets.items[is_last], (customers, items)),
        alike=nearest_rows(_rare(own, in_baskets), _ALIKE_CUSTOMERS),
        companions=nearest_rows(_by_basket(baskets), _COMPANIONS),
        companions_owned=nearest_rows(sparse.csr_matrix(own.matrix(np.ones_like(own.purchases)).T), _COMPANIONS),
        until=until,
    )


def _count(items: Ints, width: int) -> Floats:
    return np.bincount(items, minlength=width).astype(np.float64)


def _ones(rows: Ints, columns: Ints, shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


def _rare(own: Own, in_baskets: Floats) -> sparse.csr_matrix:
    """(customers, items): what customers bought of late, what few buy weighing more."""
    return own.matrix(own.decayed[1] / np.sqrt(in_baskets[own.items] + 1.0))


def _by_basket(baskets: Baskets) -> sparse.csr_matrix:
    """(items, baskets): which baskets an item was in."""
    is_new = np.append(True, (np.diff(baskets.customers) != 0) | (np.diff(baskets.baskets) != 0))
    basket = np.cumsum(is_new) - 1
    return _ones(baskets.items, basket, (len(baskets.item_ids), int(basket[-1]) + 1))


def _digest_pairs(baskets: Baskets, ages: Ints) -> Own:
    order = np.lexsort((baskets.baskets, baskets.items, baskets.customers))
    customers, items, numbers = baskets.customers[order], baskets.items[order], baskets.baskets[order]
    days, ages = baskets.days[order], ages[order]
    starts = np.flatnonzero(np.append(True, (np.diff(customers) != 0) | (np.diff(items) != 0)))
    ends = np.append(starts[1:], len(items)) - 1
    count = ends - starts + 1
    spans = np.searchsorted(customers[starts], np.arange(len(baskets.customer_ids) + 1))
    return Own(
        spans,
        items[starts],
        customers[starts] * len(baskets.item_ids) + items[starts],
        len(baskets.item_ids),
        count.astype(np.float64),
        np.stack([np.add.reduceat(decay**ages, starts) for decay in DECAYS]),
        numbers[ends],
        np.where(count > 1, numbers[np.maximum(ends - 1, 0)], -1),
        numbers[starts],
        days[ends],
        days[starts],
    )


def _recent_share(baskets: Baskets, ages: Ints, until: float) -> Floats:
    """Of an item's purchases the share of late: in the last month, or in the last three baskets of whoever bought."""
    is_recent = baskets.days >= until - RECENT_DAYS if baskets.is_timed else ages < 3
    late, ever = (_count(part, len(baskets.item_ids)) for part in (baskets.items[is_recent], baskets.items))
    return np.asarray(late / (ever + _RECENT_PRIOR))


def _gap_days(own: Own) -> Floats:
    """(items,): mean days between two purchases of one customer; where nobody has bought twice, of all items."""
    gaps, span = own.purchases - 1.0, own.last_day - own.first_day
    total, number = (
        np.bincount(own.items, weights=values, minlength=own.width) for values in (np.nan_to_num(span), gaps)
    )
    everybody = total.sum() / max(number.sum(), 1.0)
    return np.asarray((total + _GAP_PRIOR * everybody) / (number + _GAP_PRIOR))


class _Scores(NamedTuple):
    """(customers, items) of a few customers: what the others' baskets say."""

    alike: Floats
    companions: Floats
    companions_of_last: Floats
    companions_owned: Floats


def _score(signals: Signals, customers: Ints) -> _Scores:
    per_basket = sparse.csr_matrix(sparse.diags(1.0 / np.maximum(signals.number, 1)) @ signals.recent)
    alike = signals.alike[customers]
    weight = np.asarray(alike.sum(axis=1)).ravel()
    return _Scores(
        (alike @ per_basket).toarray() / np.where(weight > 0, weight, 1.0)[:, None],
        (signals.recent[customers] @ signals.companions).toarray(),
        (signals.last_basket[customers] @ signals.companions).toarray(),
        (signals.recent[customers] @ signals.companions_owned).toarray(),
    )


def find_candidates(signals: Signals, customers: Ints) -> Iterator[Candidates]:
    """Each customer's own items, what goes with them, what others like them buy, and what sells most."""
    popular = np.argsort(-signals.item_baskets, kind="stable")[:_CANDIDATES]
    for first in range(0, len(customers), CUSTOMERS_AT_ONCE):
        some = customers[first : first + CUSTOMERS_AT_ONCE]
        scores = _score(signals, some)
        tops = [_top(part, _CANDIDATES) for part in (scores.alike, scores.companions, scores.companions_owned)]
        items = []
        for row, customer in enumerate(some):
            own = signals.own.items_of(customer)
            items.append(np.unique(np.concatenate([own, popular, *(top[row] for top in tops)])))
        rows = np.repeat(np.arange(len(some)), [len(part) for part in items])
        chosen = np.concatenate(items)
        yield Candidates(some[rows], chosen, _signals_of(signals, some, rows, chosen, scores))


def join_candidates(parts: Iterable[Candidates]) -> Candidates:
    """All of them as one."""
    found = list(parts)
    return Candidates(
        np.concatenate([each.customers for each in found]),
        np.concatenate([each.items for each in found]),
        np.concatenate([each.signals for each in found]),
    )


def _top(scores: Floats, count: int) -> Ints:
    count = min(count, scores.shape[1])
    return np.argpartition(-scores, count - 1, axis=1)[:, :count]


def _signals_of(signals: Signals, some: Ints, rows: Ints, items: Ints, scores: _Scores) -> NDArray[np.float32]:
    """(pairs, signals), in the order of SIGNALS."""
    customers, own, number = some[rows], signals.own, signals.number[some[rows]]
    place, is_own = own.find(customers, items)

    def of_own(values: NDArray[np.generic], otherwise: float = np.nan) -> Floats:
        return np.where(is_own, values[place], otherwise)

    sizes = np.bincount(signals.baskets.customers, minlength=len(signals.number))[customers]
    distinct = own.sizes[customers]
    last_sizes = np.diff(signals.last_basket.indptr)[customers]
    days_since = of_own(signals.until - own.last_day)
    gaps = own.purchases[place] - 1.0
    item_gap = signals.item_gap_days[items]
    own_span = np.nan_to_num(own.last_day[place] - own.first_day[place])
    shrunk = (own_span + _GAP_PRIOR * item_gap) / (gaps + _GAP_PRIOR)
    last_day = np.full(len(signals.number), np.nan)
    last_day[signals.baskets.customers] = signals.baskets.days  # sorted by basket: the last stays
    columns = (
        of_own(own.purchases, 0.0),
        *(of_own(decayed, 0.0) for decayed in own.decayed),
        of_own(own.purchases, 0.0) / number,
        of_own(own.decayed[0], 0.0) / number,
        np.where(is_own, number - 1 - own.last[place], np.nan),
        np.where(is_own & (own.before_last[place] >= 0), own.last[place] - own.before_last[place], np.nan),
        np.where(is_own & (gaps > 0), (own.last[place] - own.first[place]) / np.maximum(gaps, 1.0), np.nan),
        np.where(is_own, number - 1 - own.first[place], np.nan),
        days_since,
        days_since / np.maximum(shrunk, 1.0),
        signals.item_baskets[items],
        signals.item_owners[items],
        signals.item_repeat_share[items],
        signals.item_last_baskets[items],
        signals.item_recent[items],
        signals.item_recent[items] * signals.item_baskets[items],
        number,
        sizes / np.maximum(number, 1),
        1.0 - distinct / np.maximum(sizes, 1),
        last_sizes,
        distinct,
        signals.until - last_day[customers],
        *(part[rows, items] for part in scores),
    )
    table = np.column_stack([np.asarray(column, np.float32) for column in columns])
    return table if signals.baskets.is_timed else np.where(_IS_OF_TIME, np.float32(0.0), table)
