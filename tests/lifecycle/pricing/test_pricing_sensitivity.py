"""The share bought on discount, and what it is shrunk to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.pricing.sensitivity import (
    ASSUMED,
    LEAST_CUSTOMERS,
    MOST_WEIGHT,
    Habit,
    ShopShare,
    count_kept,
    fit_shop_share,
    shrink,
)


def test_what_was_given_back_was_not_bought():
    orders, discounted, quantity, given_back = np.array(
        [[4.0, 2, 4, 0], [1, 1, 1, 1], [2, 2, 4, 1], [3, 0, 0, 0], [1, 1, 1, 5], [2, 9, 2, 0]]
    ).T
    kept, on_discount = count_kept(orders, discounted, quantity, given_back)
    assert kept.tolist() == [4, 0, 1.5, 3, 0, 2]
    assert on_discount.tolist() == [2, 0, 1.5, 0, 0, 2]


def test_the_shop_counts_for_as_many_orders_as_its_weight():
    assert shrink(Habit(10, 30, 15), ShopShare(0.2, 10)) == pytest.approx(0.35)
    assert shrink(Habit(0, 0, 0), ShopShare(0.2, 10)) == pytest.approx(0.2)


@given(st.floats(0, 500), st.floats(1, 9), st.floats(0, 1), st.floats(0, 1), st.floats(1, 1000))
def test_it_lies_between_the_own_share_and_the_shops(orders, each, share, of_shop, weight):
    lines = orders * each
    habit = Habit(orders, lines, lines * share)
    low, high = sorted((habit.share, of_shop))
    assert low - 1e-9 <= shrink(habit, ShopShare(of_shop, weight)) <= high + 1e-9


@pytest.mark.parametrize("weight", [3, 10, 40])
@pytest.mark.parametrize("lines", [1, 5])
def test_the_weight_is_what_customers_support(weight, lines):
    """Orders of several lines that are on discount together are no more evidence than of one."""
    draw = np.random.default_rng(4)
    shares = draw.beta(0.3 * weight, 0.7 * weight, 4000)
    orders = draw.integers(1, 40, 4000)
    bought = draw.binomial(orders, shares) * lines / (orders * lines)
    fitted = fit_shop_share(orders, bought)
    assert fitted.share == pytest.approx(0.3, abs=0.02)
    assert fitted.weight == pytest.approx(weight, rel=0.3)
    assert fitted.customers == (orders >= 2).sum()


def test_where_customers_do_not_differ_the_shop_counts_for_all():
    draw = np.random.default_rng(4)
    orders = draw.integers(2, 40, 4000)
    assert fit_shop_share(orders, draw.binomial(orders, 0.3) / orders).weight > 200
    assert fit_shop_share(orders, np.zeros(4000)) == (0.0, MOST_WEIGHT, 4000)


def test_of_few_customers_it_is_assumed():
    few = LEAST_CUSTOMERS - 1
    assert fit_shop_share([9.0] * few, [0.5] * few) == ASSUMED
    assert fit_shop_share([1.0] * 500, [0.5] * 500) == ASSUMED
    assert fit_shop_share([], []) == ASSUMED
    assert fit_shop_share([9.0] * LEAST_CUSTOMERS, [0.5] * LEAST_CUSTOMERS).share == 0.5
