"""What customers have bought, item by item, as seen at one time: the arrays that signals are made of.

Ages are in days before `as_of`, ≥ 0. A history without times counts a basket as a week, and `as_of` is a week after the
last.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats

Ints = NDArray[np.int64]


class Owned(NamedTuple):
    """(customer, item) states of customers one after another: (m,) each; `starts` tells where each begins."""

    starts: Ints
    """(customers + 1,): the last is the end."""
    items: Ints
    """Places among the items of the artefact."""
    orders: Floats
    """Orders with it."""
    first_age: Floats
    last_age: Floats
    second_last_age: Floats
    """NaN: ordered once."""
    decayed_30d: Floats
    decayed_120d: Floats
    """Of orders, a weight of ½ for each half-life that has passed until `as_of`."""

    @property
    def sizes(self) -> Ints:
        """(customers,): how many items they have bought."""
        return np.diff(self.starts)

    @property
    def rows(self) -> Ints:
        """(m,): the customer of each."""
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)

    def items_of(self, customer: int) -> Ints:
        """What a customer has bought, each item once."""
        return self.items[self.starts[customer] : self.starts[customer + 1]]

    def strongest(self, most: int) -> "Owned":
        """Of each customer so many states at most, those bought most, of late more; in the same order."""
        if len(self.items) <= most:
            return self
        if len(self.starts) == 2:
            return self._take(np.array([0, most]), _greatest(self.decayed_120d, most))
        if self.sizes.max() <= most:
            return self
        rows = self.rows
        order = np.lexsort((-self.decayed_120d, rows))
        kept = np.sort(order[np.arange(len(rows)) - self.starts[rows] < most])
        starts = np.concatenate([[0], np.cumsum(np.minimum(self.sizes, most))])
        return self._take(starts, kept)

    def of_customers(self, customers: Ints) -> "Owned":
        """The states of some customers, in this order."""
        sizes = self.sizes[customers]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[customers] - starts[:-1], sizes)
        return self._take(starts, places)

    def _take(self, starts: Ints, places: Ints) -> "Owned":
        return Owned(starts, self.items.take(places), *(column.take(places) for column in self._amounts))

    @property
    def _amounts(self) -> tuple[Floats, ...]:
        return self[2:]


def _greatest(values: Floats, most: int) -> Ints:
    """The places of so many, ascending; of equal ones the first."""
    kept = (values >= np.partition(values, -most)[-most]).nonzero()[0]
    if len(kept) > most:
        kept = np.sort(kept[(-values[kept]).argsort(kind="stable")[:most]])
    return np.asarray(kept, np.int64)


class Buyers(NamedTuple):
    """What is known of customers as a whole: (customers,) each, as in Owned but of all their orders."""

    orders: Floats
    first_age: Floats
    last_age: Floats
    decayed_30d: Floats
    decayed_120d: Floats

    def of_customers(self, customers: Ints) -> "Buyers":
        """Some of them, in this order."""
        return Buyers(*(column[customers] for column in self))
