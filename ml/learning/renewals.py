"""The rhythms of items, learned from purchase histories that end at a cut-off.

Each purchase begins a wait that ends with the next one, or is cut off. What was known at its beginning says the gap and
the chance of staying; whoever was cut off has left with a probability. Expectation and maximisation in turn settle who
stays, rhythms and hazards (mixture cure model: J. Berkson and R. P. Gage, 1952; its EM: J. P. Sy and J. M. G. Taylor,
2000).
"""

from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from app.lifecycle.clocks.renewal import Bought, Ints, Renewal
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from ml.data.purchases import Purchases

PHASES: Final = np.array(
    [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 9]
)
_ROUNDS: Final = 6
_SEARCHED: Final = 60_000
"""Waits by which weights are chosen."""
_ITEM_WEIGHT: Final = 10.0
_CATEGORY_WEIGHT: Final = 30.0
"""Waits of the category that weigh as much as an item's own; of the shop, as a category's."""
_CHOICES: Final = (
    ("gap_weight", (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
    ("stay_weight", (0.5, 1.0, 2.0, 4.0, 8.0)),
    ("stretch", (0.0, 0.15, 0.3, 0.5, 0.75, 1.0)),
    ("gap_weight", (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
)
"""Weights, in the order in which they are settled."""
_SHORTEST_DAYS: Final = 0.5
_UNSURE: Final = 1e-4
_SEED: Final = 11


class Waits(NamedTuple):
    """(n,) each: what was known at the beginning, how long it lasted, and whether it ended with a purchase."""

    bought: Bought
    items: Ints
    days: Floats
    ended: NDArray[np.bool_]

    def some(self, which: Ints) -> "Waits":
        """Those at some places."""
        bought = Bought(*(column[which] for column in self.bought))
        return Waits(bought, self.items[which], self.days[which], self.ended[which])


def find_waits(purchases: Purchases, day: float) -> Waits:
    """Of purchases before `day`, by customer, item and time."""
    starts = purchases.starts()
    number = np.arange(len(purchases.days)) - np.repeat(starts, np.diff(np.append(starts, len(purchases.days))))
    total = np.cumsum(purchases.quantities)
    before = (total[starts] - purchases.quantities[starts])[np.cumsum(number == 0) - 1]
    first = purchases.days[np.arange(len(number)) - number]
    ended = np.append(number[1:] > 0, False)
    following = np.where(ended, np.append(purchases.days[1:], day), day)
    bought = Bought(np.asarray(number + 1.0), total - before, first * DAY_US, purchases.days * DAY_US)
    return Waits(bought, purchases.items, following - purchases.days, ended)


def fit_renewal(purchases: Purchases, day: float, categories: Ints, like: Renewal | None = None) -> Renewal:
    """From what was bought before `day`. `categories` (items,): the category of each item, from 0.

    Its rhythms are those of the items, then of the categories, then of the shop. Weights and hazards begin as those of
    `like`, learned from an earlier part of the same history, and its weights stay; without it they are searched for.
    """
    waits = find_waits(purchases, day)
    begun = _begin(waits, categories)
    begun = _search(begun, waits, categories) if like is None else replace(like, pack=begun.pack)
    return _improve(begun, waits, categories, _ROUNDS)


def _search(renewal: Renewal, waits: Waits, categories: Ints) -> Renewal:
    """The weights under which what came of waits was likeliest, one after the other."""
    few = _sample(waits)
    for name, choices in _CHOICES:
        tried = [_improve(_change(renewal, name, value), few, categories, 2) for value in choices]
        renewal = max(tried, key=lambda each: log_likelihood(each, few))
    return renewal


def _change(renewal: Renewal, name: str, value: float) -> Renewal:
    changed: dict[str, Any] = {name: value}
    return replace(renewal, **changed)


def _sample(waits: Waits) -> Waits:
    """Whole purchase histories are not needed: a wait stands for itself."""
    if len(waits.days) <= _SEARCHED:
        return waits
    return waits.some(np.random.default_rng(_SEED).choice(len(waits.days), _SEARCHED, replace=False))


def _begin(waits: Waits, categories: Ints) -> Renewal:
    rhythms = len(categories) + int(categories.max(initial=-1)) + 2
    mean_days = waits.days[waits.ended].mean() if waits.ended.any() else max(waits.days.mean(), 1.0)
    whole = np.ones(rhythms)
    pack = _shrink(waits.bought.quantity, waits.bought.orders, waits.items, categories)
    return Renewal(PHASES, np.ones(len(PHASES)), whole * mean_days, whole * 0.5, pack, 2.0, 2.0, 0.3)


def _improve(renewal: Renewal, waits: Waits, categories: Ints, rounds: int) -> Renewal:
    """One round: who stays, by what is known; then hazards and rhythms, by who stays."""
    for _ in range(rounds):
        gap_days, stays = renewal.expect(waits.bought, waits.items)
        phase = waits.days / gap_days
        silent = stays * np.exp(-renewal.cumulated(phase))
        weight = np.where(waits.ended, 1.0, silent / (silent + 1.0 - stays))
        scaled_days = waits.days * waits.ended * renewal.gap_days[waits.items] / gap_days
        gaps = _shrink(scaled_days, waits.ended.astype(np.float64), waits.items, categories)
        chances = _shrink(weight, np.ones(len(weight)), waits.items, categories)
        renewal = replace(
            renewal,
            hazards=_hazards(phase, waits.ended, weight),
            gap_days=np.maximum(gaps, _SHORTEST_DAYS),
            stays=np.clip(chances, _UNSURE, 1.0 - _UNSURE),
        )
    return renewal


def _hazards(phase: Floats, ended: NDArray[np.bool_], weight: Floats) -> Floats:
    """(PHASES,): purchases over the time that those who stay were waiting, never descending."""
    place = np.searchsorted(PHASES, phase, side="right") - 1
    reached = np.bincount(place, weights=weight, minlength=len(PHASES))
    beyond = np.cumsum(reached[::-1])[::-1] - reached
    within = np.bincount(place, weights=weight * (phase - PHASES[place]), minlength=len(PHASES))
    exposure = np.maximum(within + beyond * np.append(np.diff(PHASES), 0.0), 1e-9)
    found = np.bincount(place[ended], minlength=len(PHASES))
    rates = (found + 1.0) / (exposure + 1.0)  # a phase that nobody saw has the hazard of chance
    return np.asarray(IsotonicRegression().fit_transform(np.arange(len(PHASES)), rates, sample_weight=exposure))


def _shrink(sums: Floats, counts: Floats, items: Ints, categories: Ints) -> Floats:
    """(items + categories + 1,): means of sums over counts, of items shrunk to their category, and that to the shop."""
    of_item = [np.bincount(items, weights=each, minlength=len(categories)) for each in (sums, counts)]
    of_category = [np.bincount(categories, weights=each) for each in of_item]
    shop = sums.sum() / max(counts.sum(), 1.0)
    category = (of_category[0] + _CATEGORY_WEIGHT * shop) / (of_category[1] + _CATEGORY_WEIGHT)
    item = (of_item[0] + _ITEM_WEIGHT * category[categories]) / (of_item[1] + _ITEM_WEIGHT)
    return np.concatenate([item, category, [shop]])


def log_likelihood(renewal: Renewal, waits: Waits) -> float:
    """Of what came of the waits, by what was known when they began."""
    gap_days, stays = renewal.expect(waits.bought, waits.items)
    phase = waits.days / gap_days
    passed = renewal.cumulated(phase)
    at_end = renewal.hazards[np.searchsorted(renewal.phases, phase, side="right") - 1]
    came = np.log(stays * at_end / gap_days) - passed
    return float(np.where(waits.ended, came, np.log(stays * np.exp(-passed) + 1.0 - stays)).sum())
