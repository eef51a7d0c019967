"""Of what expected units are made: sales of late, those who have bought an item, and who buys it for the first time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.items.held import Catalogue
from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.clocks.demand import (
    CAP,
    FEWEST_DAYS,
    LATE_DAYS,
    YEAR_DAYS,
    Expected,
    average_weekdays,
    expect_purchases,
    tables_for,
)
from app.lifecycle.clocks.renewal import Bought
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.models.item_artefact import ItemModel
from app.recommendations.demand_queries import FIGURES, Drawn


class Asked(NamedTuple):
    """An item, or a category by its path; somewhere, or everywhere; over whole days from now on."""

    item_id: str | None
    category: tuple[str, ...]
    store: str | None
    days: int


class Sold(NamedTuple):
    """Units in the place asked for. `told` and `usual`, without what is over the cap, (LATE_DAYS,) by whole days back.

    `anonymous` are of late. `share` of late of what was sold everywhere. `typical` purchase of an item, in units.
    """

    told: Floats
    usual: Floats
    anonymous: float
    share: float
    typical: float
    last_year: float | None
    recorded_days: float
    """How much of LATE_DAYS the shop's record reaches back."""


class Buyers(NamedTuple):
    """Those who have bought `item_ids`, with the `typical` purchase of late of those that were sold."""

    item_ids: Sequence[str]
    typical: Mapping[str, float]
    drawn: Drawn


class Parts(NamedTuple):
    """Units. `again` None: no clock tells of those who have bought it before."""

    again: float | None
    new: float
    anonymous: float


class Demand(NamedTuple):
    """`expected` is of one. `sold_days` of LATE_DAYS it was sold."""

    expected: Expected
    parts: Parts
    sold_days: float


def read_sold(rows: Sequence[Any], now_us: int, first_us: int) -> Sold:
    """Of the rows of `read_sales`, in a shop whose record begins at `first_us`."""
    told, usual, everywhere, anonymous, last_year = np.zeros(LATE_DAYS), np.zeros(LATE_DAYS), 0.0, 0.0, 0.0
    purchases, is_last_year_told = 0.0, False
    for row in rows:
        if row.item_id is not None:
            purchases += float(row.everywhere) / float(row.typical or 1.0)
        elif row.age_days < LATE_DAYS:
            told[row.age_days], usual[row.age_days] = row.told, row.usual
            everywhere, anonymous = everywhere + row.everywhere, anonymous + row.anonymous
        else:
            last_year, is_last_year_told = last_year + row.told, True
    recorded_days = (now_us - first_us) / DAY_US
    is_last_year_told |= recorded_days >= YEAR_DAYS
    share = usual.sum() / everywhere if everywhere else 0.0
    typical = everywhere / purchases if purchases else 1.0
    known = last_year if is_last_year_told else None
    return Sold(told, usual, anonymous, float(share), typical, known, min(max(recorded_days, FEWEST_DAYS), LATE_DAYS))


def foretell(
    asked: Asked, sold: Sold, buyers: Buyers, model: ItemModel | None, catalogue: Catalogue, now_us: int
) -> Demand:
    """What is to be expected of this, by the model's clocks and by what it learned of forecasts."""
    clocks, learned = (None, {}) if model is None else (model.clocks, model.demand)
    figures = dict(zip(FIGURES, buyers.drawn.figures.T, strict=True))
    kept = np.maximum(figures["quantity"] - figures["refunded_quantity"], 0.0)
    pieces = _cap(kept / np.maximum(figures["orders"], 1.0), buyers) * buyers.drawn.stands_for
    sold_days = _sold_days(figures["first_us"], buyers, sold, now_us)
    is_new = figures["first_us"] > now_us - LATE_DAYS * DAY_US
    new = sold.share * float((is_new * pieces / sold_days[buyers.drawn.items]).sum()) * asked.days
    of_all = sold.recorded_days if asked.item_id is None else float(sold_days[0])
    anonymous = sold.anonymous / of_all * asked.days
    again = None
    if clocks is not None and (kept > 0).any():
        bought = kept > 0
        purchases = _expect(figures, kept, bought, buyers, clocks, catalogue, now_us, asked.days)
        again = sold.share * float((purchases * pieces[bought]).sum())
    whole = np.array([np.nan if again is None else again + new + anonymous])
    late = average_weekdays(sold.usual[None], np.array([of_all]), asked.days)
    expected = tables_for(learned, asked.days).blend(whole, late, np.array([sold.typical]), asked.days)
    return Demand(expected, Parts(again, new, anonymous), of_all)


def _cap(pieces: Floats, buyers: Buyers) -> Floats:
    """Pieces of a purchase, no more than CAP times the typical one: of late, or else of those who bought it."""
    typical = np.array([buyers.typical.get(item_id, np.nan) for item_id in buyers.item_ids], np.float64)
    for place in np.flatnonzero(np.isnan(typical)).tolist():
        theirs = pieces[buyers.drawn.items == place]
        typical[place] = np.median(theirs) if len(theirs) else 1.0
    return np.asarray(np.minimum(pieces, CAP * typical[buyers.drawn.items]))


def _sold_days(first_us: Floats, buyers: Buyers, sold: Sold, now_us: int) -> Floats:
    """(items,): of LATE_DAYS those since each was first bought; of one that nobody known has bought, all of them."""
    oldest_us = np.full(max(len(buyers.item_ids), 1), np.inf)
    np.minimum.at(oldest_us, buyers.drawn.items, first_us)
    days = np.where(np.isinf(oldest_us), LATE_DAYS, (now_us - oldest_us) / DAY_US)
    return np.asarray(np.minimum(np.clip(days, FEWEST_DAYS, LATE_DAYS), sold.recorded_days))


def _expect(
    figures: Mapping[str, Floats],
    kept: Floats,
    bought: NDArray[np.bool_],
    buyers: Buyers,
    clocks: ClockTables,
    catalogue: Catalogue,
    now_us: int,
    days: int,
) -> Floats:
    """How often each of the buyers who have `bought` buys it again, on average."""
    of = {name: values[bought] for name, values in figures.items()}
    paths = [catalogue.item(item_id).category for item_id in buyers.item_ids]
    leaves = np.array([path[-1] if path else "" for path in paths], np.str_)
    places = clocks.rhythm_places(np.array(buyers.item_ids, np.str_), leaves)[buyers.drawn.items[bought]]
    visits = np.maximum(of["customer_orders"], of["orders"])
    orders = Bought(visits, visits, *(_whole(of, name) for name in ("first_us", "last_us")))
    own = Bought(of["orders"], kept[bought], of["first_us"], of["last_us"])
    return expect_purchases(clocks, own, places, orders, now_us, days)


def _whole(of: Mapping[str, Floats], name: str) -> Floats:
    """First or last order of the customer, of whom the item's own is one."""
    pick = np.minimum if name == "first_us" else np.maximum
    return np.asarray(pick(of[f"customer_{name}"], of[name]))
