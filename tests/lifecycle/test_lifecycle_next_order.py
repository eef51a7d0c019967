"""When the next order comes: the pace that risk and orders imply, and the time that follows."""

from math import exp, isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.next_order import (
    MOST_RISK,
    expect_next_order,
    next_order_days,
    solve_pace,
)


@given(st.floats(0.01, 60.0), st.floats(0.02, 1.0))
def test_the_pace_is_the_one_that_risk_and_orders_come_from(pace, active):
    risk, orders = 1 - active + active * exp(-pace), active * pace
    assert solve_pace(risk, orders) == pytest.approx(pace, rel=1e-6)


@pytest.mark.parametrize("risk", [0.05, 0.3, 0.89])
def test_fewer_orders_than_the_risk_allows_are_those_that_it_asks_for(risk):
    """P(none) = e^(−u) is the least u there can be, of a customer who is surely active."""
    for orders in (0.0, 0.5 * (1 - risk), 1 - risk, -0.9 * log(risk)):
        assert solve_pace(risk, orders) == pytest.approx(-log(risk))


def test_by_hand():
    """Surely active, one order to expect in 90 days: the next by t with (1 − e^(−t/90)) / (1 − e^(−1))."""
    coming = expect_next_order(exp(-1), 1.0, 90.0)
    assert coming
    for days, part in zip(coming, (0.5, 0.1, 0.9), strict=True):
        assert (1 - exp(-days / 90)) / (1 - exp(-1)) == pytest.approx(part)
    assert coming.days == pytest.approx(34.19, abs=0.01)


@given(st.floats(0, MOST_RISK), st.floats(0, 200), st.sampled_from([1.0, 30.0, 90.0, 365.0]))
def test_it_comes_within_the_horizon_and_the_interval_is_around_it(risk, orders, horizon_days):
    coming = expect_next_order(risk, orders, horizon_days)
    assert coming
    days, from_days, until_days = coming
    assert 0 < from_days < days < until_days < horizon_days


def test_none_is_expected_of_who_will_hardly_come():
    assert expect_next_order(MOST_RISK, 0.5, 90.0) is not None
    assert expect_next_order(MOST_RISK + 1e-9, 0.5, 90.0) is None


@given(st.floats(0.0, 5.0))
def test_more_orders_come_sooner(more):
    sooner, later = expect_next_order(0.4, 1.0 + more, 90.0), expect_next_order(0.4, 1.0, 90.0)
    assert sooner is not None
    assert later is not None
    assert sooner.days <= later.days


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100)), min_size=1, max_size=20))
def test_many_are_as_each(pairs):
    risk, orders = np.array(pairs).T
    found = next_order_days(risk, orders, 90.0)
    for days, (risk_of_one, orders_of_one) in zip(found.tolist(), pairs, strict=True):
        one = expect_next_order(risk_of_one, orders_of_one, 90.0)
        assert isnan(days) if one is None else days == pytest.approx(one.days, rel=1e-9)


def test_the_interval_holds_four_of_five_of_those_who_come():
    """Simulated as the formula has it: active with .7, then a Poisson process of 2 in the horizon."""
    chance, active, pace = np.random.default_rng(8), 0.7, 2.0
    first = np.where(chance.random(200_000) < active, chance.exponential(90.0 / pace, 200_000), np.inf)
    came = first[first < 90.0]
    coming = expect_next_order(1 - active + active * exp(-pace), active * pace, 90.0)
    assert coming
    assert ((came > coming.from_days) & (came < coming.until_days)).mean() == pytest.approx(0.8, abs=0.01)
    assert (came < coming.days).mean() == pytest.approx(0.5, abs=0.01)
