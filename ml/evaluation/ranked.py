"""How good ranked lists of items are, customer by customer.

Recall@k: of the items bought next, the share among the first k. nDCG@k: their discounted gains, over those of the best
list of any length (the ideal is not cut at k). PHR@k, the personal hit ratio: whether any is among them. Repeat and
explore recall are over the items that the customer had, and had not, bought before; NaN where there are none.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.data.baskets import Floats, Ints, Targets

DEPTH: Final = 20
"""Items of a list that are looked at."""
METRICS: Final = (
    *("recall_at_10", "ndcg_at_10", "phr_at_10", "recall_at_20"),
    *("repeat_recall_at_10", "explore_recall_at_10", "discover_recall_at_10"),
)
_SHORT: Final = 10
_DISCOUNTS: Final = 1.0 / np.log2(np.arange(2, DEPTH + 2))


class Lists(NamedTuple):
    """The best items of customers: (customers, DEPTH) each, −1 where a list is shorter.

    `discover` of items that the customer had not bought.
    """

    all: Ints
    discover: Ints


def judge_lists(lists: Lists, targets: Targets, is_known: NDArray[np.bool_]) -> Mapping[str, Floats]:
    """(customers,) each of METRICS. `is_known`: of the items of `targets`, those that the customer had bought."""
    rows = np.repeat(np.arange(len(targets.customers)), np.diff(targets.starts))
    size = np.bincount(rows, minlength=len(targets.customers))
    known = np.bincount(rows[is_known], minlength=len(targets.customers))
    rank, found = _ranks(lists.all, rows, targets.items)
    short = found & (rank < _SHORT)

    def share(of: NDArray[np.bool_], total: Ints) -> Floats:
        hits = np.bincount(rows[of], minlength=len(size)).astype(np.float64)
        return np.asarray(np.divide(hits, total, out=np.full(len(size), np.nan), where=total > 0))

    gains = np.bincount(rows[short], weights=_DISCOUNTS[rank[short]], minlength=len(size))
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, size.max(initial=1) + 2)))
    discovered, is_found = _ranks(lists.discover, rows, targets.items)
    return {
        "recall_at_10": share(short, size),
        "ndcg_at_10": gains / ideal[size - 1],
        "phr_at_10": (np.bincount(rows[short], minlength=len(size)) > 0).astype(np.float64),
        "recall_at_20": share(found, size),
        "repeat_recall_at_10": share(short & is_known, known),
        "explore_recall_at_10": share(short & ~is_known, size - known),
        "discover_recall_at_10": share(is_found & (discovered < _SHORT) & ~is_known, size - known),
    }


def _ranks(lists: Ints, rows: Ints, items: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """(items,) each: the place in their customer's list, and whether they are in it."""
    is_it = lists[rows] == items[:, None]
    return is_it.argmax(axis=1), is_it.any(axis=1)
