"""The numbers of a report, by hand, and beside those of the offline part."""

from dataclasses import replace

import numpy as np
import pytest

from app.lifecycle.drift import reference
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.own_money import OwnMoney
from app.monitoring.measuring import (
    Outcomes,
    calibration_error,
    chance_error,
    measure_outcomes,
    rank_area,
    weigh_features,
)
from tests.monitoring.books import make_model

FOUR = Outcomes(
    np.array([0.9, 0.6, 0.4, 0.1]),
    np.array([0.5, 1.0, 1.5, 3.0]),
    np.array([1000.0, 2000.0, 3000.0, 6000.0]),
    np.array([0, 1, 0, 3]),
    np.array([0, 4000, 0, 6000]),
)


def test_four_customers_by_hand():
    found = measure_outcomes(FOUR)
    assert found["customers"] == 4
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert found["ece"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)
    assert found["auc"] == pytest.approx(3 / 4)
    assert found["mean_risk"] == pytest.approx(0.5)
    assert found["left_share"] == 0.5
    assert found["orders_bias"] == pytest.approx(6 / 4 - 1)
    assert found["spend_bias"] == pytest.approx(12 / 10 - 1)


def test_ties_are_half_won():
    has_left = np.array([True, False, True, False])
    assert rank_area(has_left, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert rank_area(has_left, np.array([0.7, 0.7, 0.9, 0.1])) == pytest.approx(3.5 / 4)


def test_what_is_undefined_is_none():
    everybody_left = FOUR._replace(orders_ahead=np.zeros(4, int), spend_ahead_minor=np.array([0, -500, 0, 0]))
    found = measure_outcomes(everybody_left)
    assert (found["auc"], found["orders_bias"], found["spend_bias"]) == (None, None, None)
    assert found["brier"] == pytest.approx((0.01 + 0.16 + 0.36 + 0.81) / 4)
    assert measure_outcomes(FOUR._replace(orders_ahead=np.ones(4, int)))["auc"] is None


@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize("customers", [3, 10, 57, 1000])
def test_they_are_the_numbers_of_the_offline_part(customers, digits):
    metrics = pytest.importorskip("ml.evaluation.metrics")
    draws = np.random.default_rng(customers * digits)
    risk = draws.random(customers).round(digits)
    orders = draws.poisson(1.0, customers)
    orders[:2] = 0, 1
    spend = orders * draws.integers(100, 9000, customers)
    found = measure_outcomes(Outcomes(risk, risk * 2, risk * 5000, orders, spend))
    has_left = orders == 0
    assert found["brier"] == pytest.approx(metrics.brier(has_left, risk))
    assert found["ece"] == pytest.approx(metrics.ece(has_left, risk))
    assert found["auc"] == pytest.approx(metrics.auc(has_left, risk))
    assert found["orders_bias"] == pytest.approx(metrics.bias(orders, risk * 2))
    assert found["spend_bias"] == pytest.approx(metrics.bias(spend, risk * 5000))


@pytest.mark.parametrize("customers", [100, 2000])
def test_the_error_of_right_risks_is_that_of_chance(customers):
    draws = np.random.default_rng(11)
    risk = draws.beta(2, 2, customers)
    errors = [calibration_error(draws.random(customers) < risk, risk) for _ in range(300)]
    assert np.mean(errors) == pytest.approx(chance_error(risk), rel=0.1)


def test_a_feature_weighs_what_the_scores_can_range_by_it():
    """The risk is recency's alone; orders and spend, the other two thirds, hang on nothing here."""
    weights = weigh_features(make_model("v1").scorecard, {})
    assert weights["recency_days"] == pytest.approx(1 / 3)
    assert sum(weights.values()) == pytest.approx(1 / 3)


def test_own_money_weighs_what_the_spend_can_range_by_it():
    """Average orders of 10 to 1,000, to the power of a half: ln 10 of the spend, which hangs on nothing else."""
    card = make_model("v1").scorecard
    own = OwnMoney(10_000.0, np.array([0.2, 0.5]), np.array([0.0, 0.0]), 0.1)
    rows = np.full((1000, len(FEATURE_NAMES)), np.nan)
    rows[:, FEATURE_NAMES.index("gross_order")] = np.repeat(np.geomspace(10.0, 1000.0, 9), 112)[:1000]
    weights = weigh_features(replace(card, own=own), reference(rows))
    assert weights["gross_order"] == pytest.approx(1 / 3)
    assert weights["recency_days"] == pytest.approx(1 / 3)
    wider = OwnMoney(10_000.0, np.array([0.2, 0.5]), np.array([0.0, 0.4]), 0.1)
    rows[:, FEATURE_NAMES.index("refund_share")] = np.linspace(0.0, 1.0, 1000)
    shared = weigh_features(replace(card, own=wider), reference(rows))
    assert 0 < shared["refund_share"] < shared["gross_order"]
    assert shared["refund_share"] + shared["gross_order"] == pytest.approx(1 / 3)
