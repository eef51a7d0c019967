"""What a customer buys again, and is due now: by the clocks of the model, or else by plain gaps."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.clock import TERMS as CLOCK_TERMS
from app.lifecycle.clocks.clock import ClockTables, Due
from app.lifecycle.clocks.renewal import Bought
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.models.item_artefact import ItemModel
from app.recommendations.histories import Habits
from app.recommendations.pools import Ints, Pool, make_pool

AHEAD_SHARE: Final = 0.5
"""Of its own gap an item is called due so long before, and no longer than MOST_AHEAD_DAYS: just bought is not due. Gaps
are shrunk to the item's, and whoever buys at shorter ones comes before they end."""
MOST_AHEAD_DAYS: Final = 14.0
FEWEST_ORDERS: Final = 2.0
"""What was bought once is no habit."""
LEAST_PROBABILITY: Final = 0.01
"""Of a purchase within seven days: a reminder that is right less often is none."""
_ITEM_GAPS: Final = 2.0
"""Without clocks: gaps of the item that weigh as much as the customer's own."""
_SHORTEST_DAYS: Final = 1.0
LEFT_AFTER: Final = 3.0
"""Silence, in gaps, after which an item is not called due any more: it was left, though one of many comes back."""


class DueItems(NamedTuple):
    """(n,) each, as in `pool`. `probability` of a purchase within seven days; NaN: no clock tells. `habits` are those
    that it follows from."""

    pool: Pool
    due_us: Floats
    gap_days: Floats
    probability: Floats
    habits: Habits


def find_due(habits: Habits, rhythms: Ints | None, orders: Bought, model: ItemModel | None, as_of_us: int) -> DueItems:
    """Which of the habits are due now, by the places of their rhythms among those of the model; None: it has none."""
    if model is None or model.clocks is None or rhythms is None:
        return _find_by_gaps(habits, model, as_of_us)
    read = model.clocks.read(habits.bought(), rhythms, orders, as_of_us)
    is_due = _is_due(habits, read.due_us, read.gap_days, as_of_us) & (read.probability >= LEAST_PROBABILITY)
    due = is_due.nonzero()[0]
    pool = make_pool(habits.items.take(due), **_explain(model.clocks, read, due))
    due_us, gap_days, probability = (each.take(due) for each in (read.due_us, read.gap_days, read.probability))
    return DueItems(pool, due_us, gap_days, probability, habits.at(due))


def _is_due(habits: Habits, due_us: Floats, gap_days: Floats, as_of_us: int) -> NDArray[np.bool_]:
    ahead_us = np.minimum(gap_days * AHEAD_SHARE, MOST_AHEAD_DAYS) * DAY_US
    # NaN is not due
    silence_days = np.maximum(as_of_us - habits.last_us, 0.0) / DAY_US
    is_near = (due_us - ahead_us <= as_of_us) & (silence_days <= LEFT_AFTER * gap_days)
    return np.asarray((habits.orders >= FEWEST_ORDERS) & is_near)


def _explain(clocks: ClockTables, read: Due, due: Ints) -> dict[str, Floats]:
    """The terms of the logarithm of the hazard by subject, of those at some places."""
    term = dict(zip(CLOCK_TERMS, clocks.weights[:, None] * read.terms.take(due, axis=1), strict=True))
    return {
        "base": np.full(len(due), clocks.bias),
        "rhythm": term["item"] + term["ripe"] + term["beyond"] + term["beyond_often"],
        "customer": term["visit"],
        "habit": term["orders"] + term["share"],
        "calibration": np.log(-np.log1p(-read.probability.take(due))) - read.raw.take(due),
    }


def _find_by_gaps(habits: Habits, model: ItemModel | None, as_of_us: int) -> DueItems:
    """By the customer's mean gap, shrunk to the item's where there is a model that knows it."""
    gaps = np.maximum(habits.orders - 1.0, 1.0)
    gap_days = (habits.last_us - habits.first_us) / DAY_US / gaps
    if model is not None:
        known = habits.items < len(model.item_ids)
        usual = model.ranker.facts.gap_days[np.where(known, habits.items, 0)]
        gap_days = np.where(known, (gap_days * gaps + _ITEM_GAPS * usual) / (gaps + _ITEM_GAPS), gap_days)
    gap_days = np.maximum(gap_days, _SHORTEST_DAYS)
    due_us = habits.last_us + gap_days * DAY_US
    silence = np.maximum(as_of_us - habits.last_us, 0.0) / DAY_US / gap_days
    is_due = _is_due(habits, due_us, gap_days, as_of_us)
    terms = {"habit": np.log(np.maximum(habits.orders, 1.0)), "rhythm": -np.log(np.maximum(silence, 1.0))}
    pool = make_pool(habits.items, **terms).some(is_due)
    unknown = np.full(int(is_due.sum()), np.nan)
    return DueItems(pool, due_us[is_due], gap_days[is_due], unknown, habits.some(is_due))
