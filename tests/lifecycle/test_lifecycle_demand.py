"""Units that will be sold, by hand."""

import numpy as np
import pytest

from app.lifecycle.clocks.clock import TERMS, ClockTables
from app.lifecycle.clocks.demand import LATE_DAYS, DemandTables, average_weekdays, expect_purchases
from app.lifecycle.clocks.renewal import Bought, Renewal
from app.lifecycle.events import DAY_US

TABLES = DemandTables((1.0,), (0.0, 0.5), (0.0, 2.0, 4.0), (0.0, 0.0, 2.0), (1.0, 5.0, 7.0))


def late(**units):
    """(1, LATE_DAYS): d3=2 is two units of the fourth day back."""
    found = np.zeros((1, LATE_DAYS))
    for day, count in units.items():
        found[0, int(day[1:])] = count
    return found


@pytest.mark.parametrize(
    ("sold_days", "days", "units"),
    [
        (56, 7, 1.0),  # 8 units in 8 weeks
        (56, 5, 0.0),  # the weekday of the day before the last is the sixth that comes
        (56, 6, 1.0),
        (56, 19, 2.0),
        (56, 20, 3.0),
        (13.9, 7, 8.0),  # one whole week, with all 8
        (5, 7, 8 / 5 * 7),  # no whole week: at the pace of what there is
    ],
)
def test_weekdays(sold_days, days, units):
    assert average_weekdays(late(d1=8), np.array([float(sold_days)]), days) == pytest.approx([units])


def test_each_item_has_the_weeks_that_it_was_sold():
    both = np.concatenate([late(d3=8), late(d3=8)])
    assert average_weekdays(both, np.array([56.0, 14.0]), 7).tolist() == [1.0, 4.0]


def test_a_blend_by_class_and_what_like_ones_came_to():
    clocks, sold = np.array([8.0, 8.0, np.nan, 16.0]), np.array([4.0, 0.5, 4.0, 16.0])
    found = TABLES.blend(clocks, sold, np.array([1.0, 1.0, 2.0, 2.0]), 7)
    # above one purchase a week half and half; below, as of late; where no clock tells, as of late
    assert found.units.tolist() == [6.0, 0.5, 4.0, 16.0]
    assert found.weight.tolist() == [0.5, 0.0, 0.0, 0.5]
    # 6 purchases are 1.5 times the last knot; .5 is between two; 4 units are 2 purchases; 16 are 8
    assert found.low.tolist() == [3.0, 0.0, 0.0, 8.0]
    assert found.high.tolist() == [10.5, 2.0, 10.0, 28.0]


def test_how_often_an_item_is_bought():
    """A clock whose hazard is that of the item, of a gap of 10 days that never ends: 1 − e^(−d/10) by d days."""
    renewal = Renewal(np.array([0.0]), np.array([1.0]), np.array([10.0]), np.array([1.0]), np.array([1.0]), 1e9, 1e9, 0)
    alone = np.eye(len(TERMS))[0]
    straight = np.tile([-20.0, 5.0], (3, 1))
    none = np.zeros(0, np.str_)
    tables = ClockTables(none, none, renewal, renewal, 0.0, alone, straight, straight, 0.0, 0.0)
    bought = Bought(np.array([3.0]), np.array([3.0]), np.array([0.0]), np.array([20.0 * DAY_US]))
    found = expect_purchases(tables, bought, np.zeros(1, np.int64), bought, 20 * DAY_US, 10)
    half, whole = 1 - np.exp(-0.5), 1 - np.exp(-1.0)
    assert found == pytest.approx([whole + (4 * half + whole) / 6], abs=1e-6)
    # a Poisson process of one in ten days: once in ten
    assert found == pytest.approx([1.0], abs=2e-3)
