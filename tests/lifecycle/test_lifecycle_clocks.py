"""When items are due: hand-computed lives of shop items, and what holds of every history."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.clocks.clock import DUE, EARLY, KINDS, OTHER, TERMS, ClockTables, find_kinds
from app.lifecycle.clocks.renewal import Bought, Renewal, Waiting
from app.lifecycle.events import DAY_US

DAYS = st.floats(0.0, 800.0)
WEEK_US = 7 * DAY_US
MILK, SHAMPOO, GIFT, LAMP = range(4)
ITEM_IDS = np.array(["gift", "lamp", "milk", "shampoo"])
"""In the order in which tables have them; the places above are those in SHELF."""
SHELF = {MILK: 2, SHAMPOO: 3, GIFT: 0, LAMP: 1}


def renewal(gap_days, stays, hazards=(0.1, 1.0, 3.0), pack=None, stretch=0.5):
    gaps = np.array(gap_days, float)
    packs = np.ones(len(gaps)) if pack is None else np.array(pack, float)
    phases = np.array([0.0, 0.5, 0.9])
    return Renewal(phases, np.array(hazards), gaps, np.array(stays, float), packs, 2.0, 2.0, stretch)


def tables(**changed):
    """A shop of four items, a category of each its own, and no calibration: the hazard is the item's alone."""
    items = renewal([365, 400, 7, 60, 30, 50], [0.6, 0.05, 0.9, 0.8, 0.7, 0.5])
    weights = np.zeros(len(TERMS))
    weights[0] = 1.0
    straight = np.tile([-20.0, 5.0], (len(KINDS), 1))
    visits = renewal([7.0], [0.95])
    made = ClockTables(ITEM_IDS, np.array(["food"]), items, visits, 0.0, weights, straight, straight)
    return replace(made, **changed)


def bought(orders, first_days, last_days, quantity=None):
    """One item, days ago."""
    units = orders if quantity is None else quantity
    return Bought(*(np.array([value], float) for value in (orders, units, -first_days * DAY_US, -last_days * DAY_US)))


def often(last_days=1.0):
    """A customer who comes every week."""
    return bought(50, 350 + last_days, last_days)


def read(item, history, days=7.0, made=None, orders=None):
    made = made or tables()
    return made.read(history, np.array([SHELF[item]]), often() if orders is None else orders, 0, days)


def days_until_due(item, history):
    return float(read(item, history).due_us[0] / DAY_US)


def chance(item, history, days=7.0):
    return float(read(item, history, days).probability[0])


def test_milk_that_is_bought_weekly_is_due_a_week_after():
    # 10 gaps in 70 days and two gaps of the item, of 7 days: (2 × 7 + 70) / 12 = 7, of which 3 are over
    assert days_until_due(MILK, bought(11, 73, 3)) == pytest.approx(4.0)
    assert chance(MILK, bought(11, 77, 7)) > 0.8


def test_shampoo_that_is_bought_every_two_months_is_shrunk_to_the_item():
    # one gap of 30 days and two of the item, of 60: (120 + 30) / 3 = 50
    assert days_until_due(SHAMPOO, bought(2, 40, 10)) == pytest.approx(40.0)
    assert chance(SHAMPOO, bought(2, 40, 10)) < 0.05


def test_what_has_just_been_bought_is_not_due():
    for item in (SHAMPOO, GIFT):
        assert read(item, bought(4, 180, 0)).due_us[0] > WEEK_US
    assert chance(SHAMPOO, bought(4, 180, 0)) < chance(SHAMPOO, bought(4, 240, 60)) / 5


def test_a_yearly_gift_is_not_due_weekly():
    history = bought(3, 740, 10)  # (2 × 365 + 730) / 4 = 365
    assert days_until_due(GIFT, history) == pytest.approx(355.0)
    assert chance(GIFT, history) < 0.01
    assert chance(GIFT, bought(3, 1090, 360)) > 3 * chance(GIFT, history)


def test_what_was_bought_once_is_due_only_by_the_rhythm_of_the_item():
    assert np.isnan(read(LAMP, bought(1, 400, 400)).due_us[0])
    assert days_until_due(SHAMPOO, bought(1, 50, 50)) == pytest.approx(10.0)


def test_whoever_has_been_silent_for_long_has_left_the_item():
    assert np.isnan(read(MILK, bought(11, 370, 300)).due_us[0])
    assert chance(MILK, bought(11, 370, 300)) < 0.001


def test_whoever_has_left_the_shop_is_due_for_nothing():
    gone = read(SHAMPOO, bought(5, 290, 50), orders=bought(20, 500, 367))
    assert np.isnan(gone.due_us[0])


def test_returning_begins_a_new_wait():
    # silent for most of a year, then bought yesterday: the own mean gap is long, and nothing has been left
    back = read(SHAMPOO, bought(4, 361, 1))
    assert back.due_us[0] > 50 * DAY_US
    assert back.waiting.stays[0] > 0.5


def test_an_unknown_item_has_the_rhythm_of_its_category_or_of_the_shop():
    places = tables().rhythm_places(np.array(["milk", "bread", "rope"]), np.array(["food", "food", "tools"]))
    assert places.tolist() == [2, 4, 5]
    assert tables().rhythm_places(np.array(["rope"])).tolist() == [5]


def test_a_large_pack_lasts_longer_by_the_power_that_is_learned():
    # four times the units of a purchase, to the power of a half: twice the 60 days
    assert days_until_due(SHAMPOO, bought(1, 0, 0, quantity=4)) == pytest.approx(120.0)


def test_kinds_are_by_the_due_date_and_the_days_asked_for():
    waiting = Waiting(np.full(3, 10.0), np.array([0.2, 0.4, 0.4]), np.ones(3))
    assert find_kinds(np.array([True, True, False]), waiting, 7.0).tolist() == [EARLY, DUE, OTHER]


def test_arrays_bring_the_same_tables_back():
    made = tables()
    again = ClockTables.from_arrays(made.arrays())
    history = bought(3, 90, 20)
    assert all(values.dtype.kind in "Uf" for values in made.arrays().values())
    assert read(SHAMPOO, history, made=again).probability == read(SHAMPOO, history, made=made).probability
    assert again.item_ids.tolist() == made.item_ids.tolist()


def learned():
    """Tables whose weights and curves all have a say."""
    weights = np.array([0.6, 0.4, 0.3, 0.5, 0.1, -0.4, -0.1])
    hazards = np.tile(np.linspace(-12, 2, 8), (len(KINDS), 1))
    came = np.array([np.linspace(-9, 1, 8), np.linspace(-10, 0.5, 8), np.linspace(-14, 1, 8)])
    return tables(weights=weights, bias=-0.3, hazards=hazards, came=came)


@given(
    item=st.sampled_from(sorted(SHELF)), orders=st.integers(1, 60), span=DAYS, parts=st.tuples(*[st.floats(0, 1)] * 2)
)
def test_up_to_the_due_date_more_silence_is_never_less_likely(item, orders, span, parts):
    made, first = learned(), span if orders > 1 else 0.0
    start = read(item, bought(orders, first, 0), made=made)
    early, late = (part * float(start.gap_days[0]) for part in sorted(parts))
    chances = [read(item, bought(orders, first + days, days), made=made).probability[0] for days in (early, late)]
    assert chances[1] >= chances[0] - 1e-12


@given(item=st.sampled_from(sorted(SHELF)), orders=st.integers(1, 60), span=DAYS, silent=DAYS, more=st.floats(1, 50))
def test_more_packs_never_bring_it_forward(item, orders, span, silent, more):
    made, first = learned(), silent + (span if orders > 1 else 0.0)
    few, many = (read(item, bought(orders, first, silent, orders * size), made=made) for size in (1.0, more))
    assert many.gap_days[0] >= few.gap_days[0] - 1e-9


@given(
    item=st.sampled_from(sorted(SHELF)),
    orders=st.integers(1, 60),
    span=DAYS,
    silent=DAYS,
    horizons=st.tuples(*[st.floats(0.1, 400)] * 2),
)
def test_more_days_are_never_less_likely_and_chances_are_chances(item, orders, span, silent, horizons):
    history = bought(orders, silent + (span if orders > 1 else 0.0), silent)
    short, long = (read(item, history, days, learned()).probability[0] for days in sorted(horizons))
    assert 0.0 <= short <= long + 1e-12
    assert long <= 1.0
