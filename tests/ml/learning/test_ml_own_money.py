"""Weights of own money from histories: Gamma-Gamma's on the logarithmic scale, held up by a least one."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import polygamma

from ml.learning.own_money import MOST_ORDERS, fit_own_money

CUSTOMERS = 19_900


def rows_of(orders, spend_minor):
    columns = {"orders": np.asarray(orders, np.float64), "spend_minor": np.asarray(spend_minor, np.float64)}
    return SimpleNamespace(states=columns["orders"][:, None], measure=columns.__getitem__)


def draw(p, q, customers=CUSTOMERS, seed=1):
    """Orders of customers, and what they paid: Gamma-Gamma with a mean of 3,000."""
    rng = np.random.default_rng(seed)
    orders = rng.integers(1, 20, customers)
    rates = rng.gamma(q, p / (3_000 * (q - 1)), customers)
    return orders, rng.gamma(p * orders, 1 / rates)


def test_weights_are_what_the_spread_within_and_between_customers_supports():
    own = fit_own_money(rows_of(*draw(p=4.0, q=3.0)))
    counts = np.arange(1, MOST_ORDERS + 1)
    between, within = polygamma(1, 3.0), polygamma(1, 4.0 * counts)
    assert own.weights[:6] == pytest.approx((between / (between + within))[:6], abs=0.03)
    assert own.centre_minor == pytest.approx(3_000, rel=0.05)


def test_the_weight_is_the_share_of_a_mean_that_comes_again():
    """Of customers with n orders, the slope of the logarithm of the next order on that of their mean."""
    rng = np.random.default_rng(2)
    p, q = 3.0, 3.5
    rates = rng.gamma(q, 1.0, 200_000)
    own = fit_own_money(rows_of(*draw(p, q)))
    for count in (1, 2, 4):
        mean, following = rng.gamma(p * count, 1 / rates) / count, rng.gamma(p, 1 / rates)
        slope = np.polyfit(np.log(mean), np.log(following), 1)[0]
        assert own.weights[count - 1] == pytest.approx(slope, abs=0.04)


def test_weights_grow_with_the_orders_behind_them_and_keep_to_one():
    for p, q in ((1.5, 2.0), (4.0, 3.0), (40.0, 50.0)):
        own = fit_own_money(rows_of(*draw(p, q)))
        for weights in (own.weights, own.keeping):
            assert (np.diff(weights) > 0).all()
            assert (weights[0] > 0, weights[-1] < 1) == (True, True)
        assert own.weights[9] >= np.log10(7)


def test_a_huge_order_changes_nobody_elses_weights():
    orders, spend_minor = draw(p=4.0, q=3.0)
    own = fit_own_money(rows_of(orders, spend_minor))
    odd = fit_own_money(rows_of([*orders, 1], [*spend_minor, 1e13]))
    assert odd.weights == pytest.approx(own.weights, abs=0.05)
    assert odd.centre_minor == pytest.approx(own.centre_minor, rel=0.1)


def test_where_all_pay_the_same_or_nothing_the_least_weights_serve():
    same = fit_own_money(rows_of(np.arange(1, 40), 500 * np.arange(1, 40)))
    nothing = fit_own_money(rows_of(np.arange(1, 40), np.zeros(39)))
    assert same.centre_minor == pytest.approx(500)
    assert nothing.centre_minor == 1.0
    np.testing.assert_array_equal(same.weights, nothing.weights)


def test_who_paid_nothing_is_no_part_of_it():
    orders, spend_minor = draw(p=4.0, q=3.0)
    own, more = fit_own_money(rows_of(orders, spend_minor)), fit_own_money(rows_of([*orders, 3], [*spend_minor, 0.0]))
    np.testing.assert_array_equal(more.weights, own.weights)
