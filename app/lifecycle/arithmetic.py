"""What is written in one way of a number and in another of many: so a rule stands once, for one customer and for all.

Sums, products and comparisons are the same, and so are `&`, `|` and `^ True` (not) of what they come to. Functions
of one number are those of `math` for many too: numpy's own differ from them in the last bit.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from operator import getitem
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Number = Any
"""A float, or (n,) floats."""
Truth = Any
"""A bool, or (n,) bools."""
Row = Any
"""A feature row, or the `Rows` of many: `row[at]` is a Number."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`larger` of two, the first where it is NaN; `where(truth, number, other)`; `place` of a number among ascending
    ones, as `bisect_left`; `take` of a sequence what is at a place.

    `among(truth, test, row, number, …)` is `test(row, number, …)` of those for whom `truth` holds, and False of others.
    """

    larger: Callable[[Number, Number], Number]
    where: Callable[[Truth, Number, Number], Number]
    sqrt: Callable[[Number], Number]
    exp2: Callable[[Number], Number]
    expm1: Callable[[Number], Number]
    place: Callable[[Any, Number], Any]
    take: Callable[[Any, Any], Number]
    among: Callable[..., Truth]


class Rows:
    """Feature rows, (n, features), by column; or those of them at `which`, (m,) whole numbers."""

    __slots__ = ("_rows", "_which")

    def __init__(self, rows: Floats, which: "NDArray[np.int64] | slice" = slice(None)) -> None:
        self._rows, self._which = rows, which

    def __getitem__(self, at: "int | NDArray[np.int64]") -> Floats:
        """The feature of each; of `which`, (m,) of them may be asked, one a row."""
        return self._rows[self._which, at]

    def only(self, which: "NDArray[np.int64]") -> "Rows":
        """Of all rows, those."""
        return Rows(self._rows, which)


def for_each(function: Callable[[float], float]) -> Callable[[Floats], Floats]:
    """The same of many numbers, to the last bit."""

    def of_many(numbers: Floats) -> Floats:
        return np.fromiter(map(function, numbers.tolist()), np.float64, len(numbers))

    return of_many


def _where_one(truth: bool, number: float, other: float) -> float:
    return number if truth else other


def _among_one(truth: bool, test: Callable[..., bool], *given: Any) -> bool:
    return truth and test(*given)


def _among_many(
    truth: NDArray[np.bool_], test: Callable[..., NDArray[np.bool_]], rows: Rows, number: Floats, *rest: Any
) -> NDArray[np.bool_]:
    which, passed = np.flatnonzero(truth), np.zeros(len(truth), np.bool_)
    passed[which] = test(rows.only(which), number[which], *rest)
    return passed


ONE: Final = Arithmetic(max, _where_one, math.sqrt, math.exp2, math.expm1, bisect_left, getitem, _among_one)
MANY: Final = Arithmetic(
    np.maximum, np.where, np.sqrt, for_each(math.exp2), for_each(math.expm1), np.searchsorted, np.take, _among_many
)
