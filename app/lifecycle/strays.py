"""Stray times: a few orders dated years before all the others are no beginning of a relation.

A clock that was never set says 1970 or 2000, and a typing error 1919. Such an order leaves next to nothing in a decayed
sum, but moves the first time, and with it tenure and rhythm. What the other orders look like is read from the decayed
counts alone. Of m orders evenly spaced by g days up to the last one, with x = 2^(−g/480), the counts at half-lives of
480 and 240 days are, as of the last order,

    S = Σ x^i = (1 − x^m) / (1 − x)        D = Σ x^2i = (1 − x^2m) / (1 − x²)        i < m

so that with q = D / S

    x = (S − 2 + q) / (S − q)              x^m = (1 + x) · q − 1

which gives m and g, exactly where orders are evenly spaced, and near enough where they are not to tell a relation of
months from one of decades. Where the first time is far beyond that, and few orders are, the state is read as that of
the m orders.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from app.lifecycle.measures import NUMERIC, RADIANS_PER_US, REFERENCE

Floats = NDArray[np.float64]

FAR_DAYS: Final = 5 * 365.25
"""No time is a stray for being closer to the last order than so much and FAR_TIMES the relation of the others."""
FAR_TIMES: Final = 3.0
LONGEST_GAP_DAYS: Final = 2 * FAR_DAYS
"""Orders further apart than so are of no one rhythm: the later one begins anew. Of other events before the first order
as well: nobody looks round for so long."""
FEW: Final = 3
FEW_SHARE: Final = 1 / 3
"""So many strays there may be, or this share of the orders: of more, somebody came back after a long time."""
_WELL_SEEN: Final = 0.1
"""Of a relation so long that the counts keep less than this of its first order, they tell g, but not m."""
_NEARLY: Final = 0.9
"""What falls short of all orders but one by less than this share is the unevenness of their gaps."""
_AT_ONCE: Final = 0.999
"""More than this left of the first order: all are of one day, and S is their number."""
_ONE_LEFT: Final = 1e-7
"""What is left of others than the last order, less than which is nothing."""
_MOST_UNEVEN: Final = 2.0
"""Gaps as the counts at 480 and 240 days tell them, and as those at 240 and 120 do, differ where the gaps do. Over
generated histories (2 to 25 orders, gaps of 2 to 60 days, evenly to purely by chance) the true days are nearest to
m − 1 gaps times the square of their ratio: off by .12 as a deviation of the logarithm, by .17 without. Beyond this
ratio it means nothing."""
_LONG: Final = 480.0

_AT: Final = {measure.name: at for at, measure in enumerate(NUMERIC)}
_ORDERS, _FIRST, _LAST, _SECOND_LAST, _FIRST_EVENT, _LAST_EVENT = (
    _AT[name]
    for name in ("orders", "first_order_us", "last_order_us", "second_last_order_us", "first_event_us", REFERENCE)
)
_COUNTS: Final = {half_life: _AT[f"orders_decayed_{half_life:.0f}d"] for half_life in (_LONG, _LONG / 2, _LONG / 4)}
_SHARED: Final = [
    _AT[name] for name in ("orders", "orders_store", "spend_minor", "discount_minor", "items", "refunded_minor")
]
"""Sums of which the strays have the share of as many average orders."""
_DAYS: Final = _AT["order_days"]
"""Where no more receipts shared a day than strays may be, each order that is left has a day of its own; else strays are
of one day, which is taken off, and there are no more days than orders left."""
_PHASE: Final = [_AT["season_cos"], _AT["season_sin"]]
_FAR_US: Final = FAR_DAYS * DAY_US


def may_have_strays(state: Sequence[float | None]) -> bool:
    """Whether a state, None or NaN where there is no value, reaches back so far that it is worth a look."""
    first_us, last_us = state[_FIRST_EVENT], state[_LAST]
    return first_us is not None and last_us is not None and last_us - first_us > _FAR_US


def set_strays_apart(states: Floats) -> None:
    """Reads states (n, len(NUMERIC)) without stray times, in place; most are left as they are."""
    far = np.flatnonzero(states[:, _LAST] - states[:, _FIRST_EVENT] > _FAR_US)  # NaN is not
    if far.size:
        found = states[far]
        _begin_relations(found)
        since_us = found[:, _FIRST] - LONGEST_GAP_DAYS * DAY_US
        too_early = found[:, _FIRST_EVENT] < since_us
        found[too_early, _FIRST_EVENT] = found[too_early, _FIRST]
        states[far] = found


def without_strays(state: Sequence[float | None]) -> list[float | None]:
    """`set_strays_apart` of a single state, which is left as it was."""
    row = np.array([state], np.float64)
    set_strays_apart(row)
    return [None if value != value else value for value in row[0].tolist()]


def _begin_relations(states: Floats) -> None:
    orders, first_us, last_us = states[:, _ORDERS], states[:, _FIRST], states[:, _LAST]
    count, days = _relations(states)
    strays = orders - count
    is_far = (last_us - first_us) / DAY_US > FAR_DAYS + FAR_TIMES * days
    few = np.maximum(FEW, FEW_SHARE * orders)
    is_stray = is_far & (strays >= 1.0) & (strays <= few)
    found, share = states[is_stray], (count / orders)[is_stray, None]
    _leave_out_first_phase(found)
    found[:, _SHARED] *= share
    receipts, left = orders[is_stray] - found[:, _DAYS], count[is_stray]
    found[:, _DAYS] = np.where(receipts < few[is_stray], left, np.clip(found[:, _DAYS] - 1.0, 1.0, left))
    found[:, _PHASE] *= (count / (orders - 1.0))[is_stray, None]
    found[:, _FIRST] = found[:, _FIRST_EVENT] = last_us[is_stray] - days[is_stray] * DAY_US
    found[count[is_stray] <= 1.0, _SECOND_LAST] = np.nan
    states[is_stray] = found


def _leave_out_first_phase(states: Floats) -> None:
    """Of one stray the time is known, and so its part of the season."""
    phase = states[:, _FIRST] * RADIANS_PER_US
    states[:, _PHASE] -= np.column_stack([np.cos(phase), np.sin(phase)])


def _relations(states: Floats) -> tuple[Floats, Floats]:
    """(n,) each: how many orders the decayed counts tell of, at most all but one, and the days from the first of these
    to the last."""
    orders, age_days = states[:, _ORDERS], (states[:, _LAST_EVENT] - states[:, _LAST]) / DAY_US
    with np.errstate(all="ignore"):
        kept = [states[:, at] * np.exp2(age_days / half_life) for half_life, at in _COUNTS.items()]
        left, gap_days = _gaps(kept[0], kept[1], _LONG)
        left_of_all = (1.0 + left) * kept[1] / kept[0] - 1.0
        seen = np.where(left_of_all > _AT_ONCE, kept[0], np.log(left_of_all) / np.log(left))
        _, gap_days_of_late = _gaps(kept[1], kept[2], _LONG / 2)
        unevenness = gap_days / gap_days_of_late
    is_well_seen = left_of_all >= _WELL_SEEN
    count = np.where(is_well_seen & (seen < _NEARLY * (orders - 1.0)), np.round(seen), orders - 1.0)
    is_several = (kept[0] - kept[1] / kept[0] > _ONE_LEFT) & (gap_days <= LONGEST_GAP_DAYS) & (count > 1.0)
    bends = is_well_seen & (unevenness > 1 / _MOST_UNEVEN) & (unevenness < _MOST_UNEVEN)
    days = np.where(is_several, gap_days, 0.0) * np.where(bends, unevenness, 1.0) ** 2
    return np.where(is_several, count, 1.0), np.where(is_several, count - 1.0, 0.0) * days


def _gaps(long: Floats, short: Floats, half_life_days: float) -> tuple[Floats, Floats]:
    """(n,) each: x and g of the decayed counts at a half-life and at half of it."""
    ratio = short / long
    left = np.clip((long - 2.0 + ratio) / (long - ratio), 0.0, 1.0)
    return left, -half_life_days * np.log2(left)


class Strays(NamedTuple):
    """How many times lie far before a beginning, the first of them, and the beginning; microseconds."""

    number: int
    first_us: int
    beginning_us: int


LOOKED_AT: Final = 101
"""The earliest times that tell a shop's strays: more than a hundred are none of chance."""


def find_strays(earliest_us: Sequence[int], end_us: int) -> Strays | None:
    """The times far before a shop's own beginning, of its `earliest_us`, ascending, LOOKED_AT at most; `end_us` is of
    its last. None: there is none.

    The shop begins after the last silence of more than FAR_DAYS. Where nothing is known to have come after
    that but the end, only FEW are strays: more are a shop that closed.
    """
    times = [*earliest_us, max([end_us, *earliest_us[-1:]])]
    for count in range(len(earliest_us), 0, -1):
        if times[count] - times[count - 1] > _FAR_US and (count < len(earliest_us) or count <= FEW):
            return Strays(count, times[0], times[count])
    return None
