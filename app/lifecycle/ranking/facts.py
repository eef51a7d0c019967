"""What a ranker knows of items: nothing here grows with customers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats


class Neighbours(NamedTuple):
    """(items, k) each: of an item those most like it, the most alike first, and how much; where there are fewer, 0."""

    items: NDArray[np.int32]
    weights: NDArray[np.float32]


class Facts(NamedTuple):
    """Of the items of an artefact, by their places."""

    signals: Floats
    """(ITEM, items), as `signals.ITEM` names them."""
    basket: Neighbours
    """In the same baskets: the cosine."""
    owners: Neighbours
    """Bought by the same customers: the cosine."""
    factors: NDArray[np.float32]
    """(items, factors): two items are alike in taste by the product of theirs."""
    popular: NDArray[np.int64]
    """(k,): the items that sell most of late, the best first."""
    rising: NDArray[np.int64]
    """(r,), ascending: the items that most customers have bought for the first time of late."""
    pulls: NDArray[np.float32]
    """(r, factors): by its product with what a customer likes (`signals.liking`), how soon they begin with each."""
    gap_days: Floats
    """(items,): mean days between two purchases of one customer."""
