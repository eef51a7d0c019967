"""How the baskets of the demo shop fill, and what of them comes back.

Money is in integer minor units inside, in decimals on the wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise
from math import inf
from typing import Any, Final

import numpy as np
from numpy.random import Generator

from app.lifecycle.features import Floats
from ml.demo.catalogue import CATEGORIES, COMPANIONS, PRODUCTS, SHELVES, Product

DISCOUNT_RATES: Final = (0.05, 0.10, 0.15, 0.20, 0.30)


@dataclass(frozen=True, slots=True)
class Line:
    product: Product
    quantity: int

    @property
    def amount_minor(self) -> int:
        return self.product.price_minor * self.quantity

    def as_page(self) -> dict[str, str]:
        return {"product_id": self.product.product_id, "category": self.product.category, "channel": "web"}

    def as_wire(self, discount_minor: int = 0) -> dict[str, Any]:
        """`discount_minor` is the money off the line; it is told where there is any."""
        told = {
            "product_id": self.product.product_id,
            "category": self.product.category,
            "name": self.product.name,
            "price": self.product.price_minor / 100,
            "quantity": self.quantity,
        }
        return {**told, "discount": discount_minor / 100} if discount_minor else told


@dataclass(frozen=True, slots=True)
class Basket:
    """What is paid for at once; `discount_minor` is the money off the whole of it."""

    lines: tuple[Line, ...]
    discount_minor: int

    @property
    def subtotal_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        return self.subtotal_minor - self.discount_minor

    @property
    def discounts_minor(self) -> list[int]:
        """Of each line, its share of the money off; together they are all of it."""
        shares = [
            self.discount_minor * upto // self.subtotal_minor
            for upto in accumulate((line.amount_minor for line in self.lines), initial=0)
        ]
        return [after - before for before, after in pairwise(shares)]

    def draw_returns(self, rng: Generator) -> list[Basket]:
        """All of it, or one or two lines, each apart and perhaps in part; the totals are the money back."""
        if rng.random() < 0.4:
            return [self]
        chosen = rng.permutation(len(self.lines))[: int(rng.integers(1, 3))].tolist()
        parts = [self.lines[at] for at in chosen]
        parts = [Line(part.product, int(rng.integers(1, part.quantity + 1))) for part in parts]
        return [Basket((part,), part.amount_minor - self.paid_minor(part)) for part in parts]

    def paid_minor(self, line: Line) -> int:
        """What was paid for (part of) a line after its share of the discount.

        Rounded down, so that the parts of a basket never add up to more than its total.
        """
        return line.amount_minor * self.total_minor // self.subtotal_minor


@dataclass(frozen=True, slots=True)
class Taste:
    """What one customer likes: `weights` (products,) sums to 1 and is 0 for the staples.

    `staples` maps a product's index to the days after which this household needs it again.
    """

    weights: Floats
    staples: dict[int, float]


def draw_taste(rng: Generator, column: int, staples_max: int) -> Taste:
    """A few favourite categories (sparse Dirichlet around `Category.appeal[column]`), best-sellers first."""
    liking = rng.dirichlet([0.5 * category.appeal[column] for category in CATEGORIES])
    popularity = np.concatenate([(1 + np.arange(len(shelf))) ** -0.7 for shelf in SHELVES])
    weights = np.repeat(liking, [len(shelf) for shelf in SHELVES])
    weights *= popularity * rng.gamma(1.5, size=len(PRODUCTS))
    cycles = [product.cycle_days for product in PRODUCTS]
    likeliest = [at for at in np.argsort(-weights).tolist() if cycles[at] and weights[at] > 0]
    count = int(rng.integers(1, staples_max + 1)) if staples_max else 0
    staples = {at: (cycles[at] or 0) * rng.lognormal(0, 0.2) for at in likeliest[:count]}
    weights[list(staples)] = 0
    return Taste(weights / weights.sum(), staples)


def fill_baskets(
    rng: Generator, taste: Taste, days: Sequence[int], lines: float, price_sensitivity: float
) -> list[Basket]:
    """One basket a shopping day: the staples that have run out, about `lines` products on impulse, and what goes with
    any of these."""
    chances = rng.spawn(1)[0]
    counts = 1 + rng.poisson(lines - 1, len(days))
    picks = iter(rng.choice(len(PRODUCTS), int(counts.sum()), p=taste.weights).tolist())
    bought_day = dict.fromkeys(taste.staples, -inf)
    baskets = []
    for day, count in zip(days, counts.tolist(), strict=True):
        due = [at for at, gap_days in taste.staples.items() if day - bought_day[at] >= 0.9 * gap_days]
        bought_day.update(dict.fromkeys(due, day))
        chosen = Counter([*due, *islice(picks, count)])
        chosen.update(at for at in draw_companions(chances, tuple(chosen)) if at not in taste.staples)
        wanted = tuple(Line(PRODUCTS[at], quantity) for at, quantity in chosen.items())
        baskets.append(Basket(wanted, draw_discount(rng, wanted, price_sensitivity)))
    return baskets


_PLACES: Final = {product.name: at for at, product in enumerate(PRODUCTS)}
_TAKEN_WITH: Final = {
    _PLACES[name]: {_PLACES[companion]: chance for companion, chance in companions.items()}
    for name, companions in COMPANIONS.items()
}


def draw_companions(rng: Generator, chosen: Sequence[int]) -> list[int]:
    """What is taken with products, each once, and none that is among them: places in PRODUCTS."""
    found = [
        companion
        for at in chosen
        for companion, chance in _TAKEN_WITH.get(at, {}).items()
        if rng.random() < chance and companion not in chosen
    ]
    return list(dict.fromkeys(found))


def draw_discount(rng: Generator, lines: tuple[Line, ...], price_sensitivity: float) -> int:
    """Minor units off; the sensitive buy on discount more often, and wait for deeper ones."""
    if rng.random() > 0.06 + 0.75 * price_sensitivity:
        return 0
    rate = DISCOUNT_RATES[rng.binomial(len(DISCOUNT_RATES) - 1, 0.2 + 0.5 * price_sensitivity)]
    return round(rate * sum(line.amount_minor for line in lines))
