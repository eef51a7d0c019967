"""Which of ascending edges a value has reached, for many values at once.

Bisection guesses wrong at every other halving, and a processor pays for each wrong guess. Here the first
bits of a number say where among the edges to begin, and few comparisons do the rest.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MANY: Final = 256
"""From so many values on it is faster than bisection."""
_CELL_BITS: Final = 11
_MOST: Final = 4
"""Edges in one cell beyond which bisection is faster."""
_SIGN: Final = np.int64(-(2**63))


def ranks(values: Floats) -> NDArray[np.uint64]:
    """Integers in the order of the numbers, of any shape; −0 is 0, NaN is above or below all."""
    bits = (values + 0.0).view(np.int64)
    return (bits ^ ((bits >> 63) | _SIGN)).view(np.uint64)


@dataclass(frozen=True, slots=True)
class Guide:
    """Cells of equal width in `ranks` from `first` to `last`, the ranks of the first and last edge.

    `begins[c]` edges lie in the cells before c, and at most `most` in one. `edges` has a NaN more than there are.
    """

    edges: Floats
    begins: NDArray[np.int64]
    first: np.uint64
    last: np.uint64
    width_bits: np.uint64
    most: int

    def reached(self, values: Floats, value_ranks: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,): how many edges are at most the value; of NaN it means nothing."""
        cells = np.minimum(np.maximum(value_ranks, self.first), self.last)
        cells -= self.first
        cells >>= self.width_bits
        reached = self.begins.take(cells.view(np.int64))
        for _ in range(self.most):
            reached += values >= self.edges.take(reached)
        return reached


def make_guide(edges: Floats) -> Guide | None:
    """To edges, (k,). None: there are none, they do not ascend, or lie so unevenly that bisection is faster."""
    if not len(edges) or not (np.diff(edges) > 0.0).all():
        return None
    at = ranks(edges)
    first, last = at[0], at[-1]
    width_bits = np.uint64(max((int(last) - int(first)).bit_length() - _CELL_BITS, 0))
    cells = ((at - first) >> width_bits).astype(np.int64)
    most = int(np.bincount(cells).max())
    begins = np.searchsorted(cells, np.arange(2**_CELL_BITS))
    return None if most > _MOST else Guide(np.append(edges, np.nan), begins, first, last, width_bits, most)
