"""What a shop's own past says of forecasts of units: by clocks where they know, of before each day alone."""

import numpy as np
import pytest

from app.lifecycle.clocks.demand import HORIZONS
from app.lifecycle.events import DAY_US
from ml.data.purchases import collect_purchases
from ml.learning.clocks import TooFewPurchases, fit_clock
from ml.learning.foretelling import foretell_units, learn_demand, look_out

UNTIL = 20_000.0
ITEMS = 40


def make_sales(begin=-400, leak=1.0):
    """Of forty items each has 15 customers who buy it every 28 days, in the same week; in the last four weeks `leak`
    units of it, before one."""
    draw, rows = np.random.default_rng(4), []
    for customer in range(600):
        item = customer % ITEMS
        visits = np.arange(begin + (7 * (item % 4)) + draw.normal(2.0, 0.8), 0, 28)
        rows += [(f"C{customer}", f"item-{item:02d}", day, leak if day > -28 else 1.0) for day in visits]
    customers, items, days, units = (np.array(column) for column in zip(*rows, strict=True))
    none = np.full(len(rows), "")
    return collect_purchases(customers, items, (UNTIL + days) * DAY_US, units, none, none)


def test_clocks_that_know_when_are_believed():
    """A week is bought of in every fourth: an average of eight weeks never knows in which."""
    learned = learn_demand(make_sales(), UNTIL)
    assert tuple(learned) == HORIZONS
    week, month = (tables.weights for tables in learned.values())
    assert np.mean(week[2:4]) > 0.5
    assert np.mean(month[2:4]) < np.mean(week[2:4])  # within four weeks everybody comes


def test_what_is_sold_later_is_not_known():
    whole = make_sales()
    before = whole.keep(whole.days < UNTIL)
    later = collect_purchases(
        np.append(whole.customer_ids[whole.customers], "new"),
        np.append(whole.item_ids[whole.items], "item-00"),
        np.append(whole.days, UNTIL + 0.5) * DAY_US,
        np.append(whole.quantities, 1e6),
        *np.full((2, len(whole.days) + 1), ""),
    )
    assert learn_demand(later, UNTIL) == learn_demand(before, UNTIL)


def test_drawn_buyers_stand_for_all():
    """About eight of fifteen of each item, each of whom counts as nearly two."""
    sales = make_sales()
    orders, clocks = sales.as_orders(), fit_clock(sales, UNTIL - 28)
    whole, drawn = (look_out(sales, orders, UNTIL - 28, most) for most in (None, 8))
    units = [foretell_units(each, clocks, sales, 28).clocks.sum() for each in (whole, drawn)]
    assert len(drawn.pieces) < 0.7 * len(whole.pieces)
    assert units[1] == pytest.approx(units[0], rel=0.1)


def test_intervals_are_as_wide_as_what_came():
    """Ten times as much as ever in the last four weeks: what may come is told so."""
    nine, one = np.array([9.0]), np.array([1.0])
    usual, odd = (learn_demand(make_sales(leak=times), UNTIL)[28] for times in (1.0, 10.0))
    assert odd.blend(nine, nine, one, 28).high > 2 * usual.blend(nine, nine, one, 28).high


def test_a_short_history_teaches_nothing():
    with pytest.raises(TooFewPurchases):
        learn_demand(make_sales(begin=-150), UNTIL)
