"""The revenue tree: which driver moved sales between two periods, to the last minor unit.

Sales of a group of customers = customers · orders a customer · paid an order. What each of them moved is its Shapley
value: what changing it alone moves, averaged over all orders in which the three may be changed (L. Shapley, A Value for
n-Person Games, 1953; the same for products of factors: J. Sun, Changes in energy consumption and energy intensity: a
complete decomposition model, Energy Economics 20, 1998). So no remainder is left, and no order of drivers is preferred.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import permutations
from math import factorial, prod
from typing import Final, Literal, NamedTuple

Branch = Literal["new", "retained", "returned", "anonymous", "given_back"]
Driver = Literal["customers", "frequency", "orders", "basket_value"]
DRIVERS: Final[Mapping[Branch, tuple[Driver, ...]]] = {
    **dict.fromkeys(("new", "retained", "returned"), ("customers", "frequency", "basket_value")),
    "anonymous": ("orders", "basket_value"),
    "given_back": (),
}
"""Whose product the sales of a branch are, in the order in which they are told."""


class Sold(NamedTuple):
    """What a branch bought in a period. Of purchases of nobody known, and of orders given back whole, there are no
    customers, and of the latter no orders."""

    customers: int
    orders: int
    minor: int


NOTHING: Final = Sold(0, 0, 0)


class Moved(NamedTuple):
    """A driver before and now; None: there was none. `minor`: by how much it moved sales."""

    driver: Driver
    before: Fraction | None
    value: Fraction | None
    minor: int


def factors_of(branch: Branch, sold: Sold) -> dict[Driver, Fraction | None]:
    """The drivers of a branch; their product is what it bought. None: of nothing there is no average."""
    found: dict[Driver, Fraction | None] = {
        "customers": Fraction(sold.customers),
        "frequency": Fraction(sold.orders, sold.customers) if sold.customers else None,
        "orders": Fraction(sold.orders),
        "basket_value": Fraction(sold.minor, sold.orders) if sold.orders else None,
    }
    return {driver: found[driver] for driver in DRIVERS[branch]}


def decompose(branch: Branch, before: Sold, now: Sold) -> list[Moved]:
    """What each driver moved; together `now.minor - before.minor`.

    An average that one of the periods lacks is taken to be that of the other: who came where nobody had been moved
    sales as customers alone.
    """
    was, is_ = factors_of(branch, before), factors_of(branch, now)
    drivers = DRIVERS[branch]
    pairs = [(_or(was[driver], is_[driver]), _or(is_[driver], was[driver])) for driver in drivers]
    exact = shapley([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    minors = round_together(exact, now.minor - before.minor)
    return [Moved(driver, was[driver], is_[driver], minor) for driver, minor in zip(drivers, minors, strict=True)]


def _or(value: Fraction | None, other: Fraction | None) -> Fraction:
    return value if value is not None else other if other is not None else Fraction(0)


def shapley(before: Sequence[Fraction], now: Sequence[Fraction]) -> list[Fraction]:
    """Of a product: what each factor moved it by."""
    moved = [Fraction(0)] * len(before)
    for order in permutations(range(len(before))):
        at = list(before)
        for place in order:
            was = prod(at)
            at[place] = now[place]
            moved[place] += prod(at) - was
    return [each / factorial(len(before)) for each in moved]


def round_together(values: Sequence[Fraction], total: int) -> list[int]:
    """Whole numbers that add up to the total, each less than one from its value: the largest remainders go up."""
    floors = [value.__floor__() for value in values]
    by_rest = sorted(range(len(values)), key=lambda place: floors[place] - values[place])
    for place in by_rest[: total - sum(floors)]:
        floors[place] += 1
    return floors
