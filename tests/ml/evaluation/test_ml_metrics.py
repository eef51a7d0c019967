"""Numbers small enough to work out on paper, ties and edges included."""

import numpy as np
import pytest

from ml.evaluation.metrics import (
    UnusableScores,
    advantage,
    auc,
    bias,
    brier,
    churn_metrics,
    ece,
    lift_at,
    log_loss,
    mae,
    normalised_gini,
    orders_metrics,
    pearson,
    rank_metrics,
    rmse,
    spearman,
    spend_metrics,
)

CHURNED = np.array([True, False, True, False])
RISK = np.array([0.9, 0.6, 0.6, 0.1])


def test_auc_counts_ties_as_half():
    assert auc(CHURNED, RISK) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_brier_is_the_mean_square():
    assert brier(CHURNED, RISK) == pytest.approx((0.01 + 0.36 + 0.16 + 0.01) / 4)


def test_log_loss_is_the_mean_surprise():
    surprise = -np.log([0.9, 0.4, 0.6, 0.9])
    assert log_loss(CHURNED, RISK) == pytest.approx(surprise.mean())
    assert np.isfinite(log_loss([True, False], [0.0, 1.0]))


def test_ece_weighs_the_gaps_of_equal_bins():
    churned = [False, False, True, False, True, True]
    risk = [0.1, 0.2, 0.3, 0.6, 0.8, 0.9]
    low, high = abs(1 / 3 - 0.2), abs(2 / 3 - 2.3 / 3)
    assert ece(churned, risk, bins=2) == pytest.approx((low + high) / 2)


def test_ece_spares_a_forecast_that_is_right_in_every_bin():
    assert ece([True, False, False, False], [0.25] * 4, bins=2) == pytest.approx(0.0)


def test_ece_takes_more_bins_than_customers():
    assert ece([True, False], [0.8, 0.4]) == pytest.approx((0.2 + 0.4) / 2)


def test_lift_compares_the_top_with_everyone():
    churned = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    risk = np.linspace(1, 0, 10)
    assert lift_at(churned, risk, 0.2) == pytest.approx(1 / 0.3)
    assert lift_at(churned, risk, 0.4) == pytest.approx(0.75 / 0.3)
    assert lift_at(churned, risk, 1.0) == pytest.approx(1.0)


def test_lift_takes_the_last_customer_in_part():
    assert lift_at([1, 0, 0, 1], [0.9, 0.8, 0.7, 0.6], 0.375) == pytest.approx(1 / 1.5 / 0.5)


def test_lift_shares_a_tied_edge_at_its_mean():
    """Two slots: one sure, one among three tied of whom one churned."""
    assert lift_at([1, 1, 0, 0, 0, 1], [0.9, 0.5, 0.5, 0.5, 0.1, 0.1], 1 / 3) == pytest.approx((1 + 1 / 3) / 2 / 0.5)


@pytest.mark.parametrize("metric", [auc, brier, log_loss, ece, lift_at, normalised_gini, spearman])
def test_the_order_of_the_rows_does_not_matter(metric):
    rng = np.random.default_rng(5)
    churned, risk = rng.random(200) < 0.6, rng.integers(0, 5, 200) / 5
    order = rng.permutation(200)
    assert metric(churned[order], risk[order]) == pytest.approx(metric(churned, risk))


def test_lift_and_gini_are_the_expectation_over_random_tie_breaking():
    rng = np.random.default_rng(6)
    churned, risk = rng.random(40) < 0.5, rng.integers(0, 4, 40) / 4
    noise = [risk + rng.random(40) * 1e-6 for _ in range(4000)]
    assert np.mean([lift_at(churned, broken) for broken in noise]) == pytest.approx(lift_at(churned, risk), abs=0.03)
    ginis = [normalised_gini(churned, broken) for broken in noise]
    assert np.mean(ginis) == pytest.approx(normalised_gini(churned, risk), abs=0.01)


def test_churn_metrics_are_all_there():
    assert churn_metrics(CHURNED, RISK) == {
        "auc": auc(CHURNED, RISK),
        "brier": brier(CHURNED, RISK),
        "log_loss": log_loss(CHURNED, RISK),
        "ece": ece(CHURNED, RISK),
        "lift_at_10": lift_at(CHURNED, RISK),
    }


def test_a_rank_has_no_calibration():
    days = np.array([300, 20, 90, 1])
    metrics = rank_metrics(CHURNED, days)
    assert metrics["auc"] == 1.0
    assert metrics["lift_at_10"] == 2.0
    assert [metrics[name] for name in ("brier", "log_loss", "ece")] == [None, None, None]
    with pytest.raises(UnusableScores, match="no probability"):
        churn_metrics(CHURNED, days)


def test_one_class_leaves_discrimination_unknown():
    metrics = churn_metrics([False, False], [0.2, 0.4])
    assert (metrics["auc"], metrics["lift_at_10"]) == (None, None)
    assert metrics["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert churn_metrics([True, True], [0.2, 0.4])["lift_at_10"] == 1.0


@pytest.mark.parametrize(
    ("outcome", "score"),
    [([], []), ([True], [0.1, 0.2]), ([True, False], [0.1, np.nan]), ([[True]], [[0.5]])],
)
def test_unusable_arrays_are_refused(outcome, score):
    with pytest.raises(UnusableScores):
        auc(outcome, score)


def test_gini_is_one_for_the_right_order_and_minus_one_for_its_reverse():
    actual = np.array([0.0, 0.0, 5.0, 20.0])
    assert normalised_gini(actual, actual**3) == pytest.approx(1.0)
    assert normalised_gini(actual, -actual) == pytest.approx(-1.0)
    assert normalised_gini(actual, np.ones(4)) == pytest.approx(0.0)


def test_nothing_on_balance_has_no_shares_and_no_bias():
    """More went back than came: a share of it, or so many times it, would say the opposite of what it seems to."""
    actual, predicted = np.array([5.0, -20.0, 1.0]), np.array([2.0, 3.0, 4.0])
    assert np.isnan(bias(actual, predicted))
    assert np.isnan(normalised_gini(actual, predicted))


def test_gini_of_labels_is_twice_the_area_minus_one():
    assert normalised_gini(CHURNED, RISK) == pytest.approx(2 * auc(CHURNED, RISK) - 1)


def test_forecast_errors_by_hand():
    actual, predicted = [0.0, 2.0, 4.0], [1.0, 1.0, 7.0]
    assert mae(actual, predicted) == pytest.approx(5 / 3)
    assert rmse(actual, predicted) == pytest.approx((11 / 3) ** 0.5)
    assert bias(actual, predicted) == pytest.approx(0.5)
    assert pearson(actual, predicted) == pytest.approx(12 / (8 * 24) ** 0.5)
    assert spearman(actual, predicted) == pytest.approx(3**0.5 / 2)


def test_what_the_data_leave_undefined_is_nan():
    for metric in (spearman, pearson, normalised_gini):
        assert np.isnan(metric([3.0, 3.0], [1.0, 2.0]))
    assert np.isnan(bias([0.0, 0.0], [1.0, 2.0]))
    assert np.isnan(normalised_gini([0.0, 0.0], [1.0, 2.0]))


def test_metrics_of_orders_and_spend_are_all_there():
    actual, predicted = [0.0, 2.0, 4.0], [1.0, 1.0, 7.0]
    both = {"mae": mae(actual, predicted), "spearman": spearman(actual, predicted), "bias": bias(actual, predicted)}
    squared = {"rmse": rmse(actual, predicted), "pearson": pearson(actual, predicted)}
    assert orders_metrics(actual, predicted) == both | squared
    assert spend_metrics(actual, predicted) == both | {"normalised_gini": normalised_gini(actual, predicted)}
    assert spend_metrics([0.0, 0.0], [1.0, 2.0]) == {
        "mae": 1.5,
        "spearman": None,
        "normalised_gini": None,
        "bias": None,
    }


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "better_by"),
    [("auc", 0.8, 0.7, 0.1), ("brier", 0.15, 0.17, 0.02), ("bias", -0.1, 0.3, 0.2), ("bias", 0.2, -0.1, -0.1)],
)
def test_an_advantage_is_positive_where_we_are_better(metric, ours, theirs, better_by):
    assert advantage(metric, ours, theirs) == pytest.approx(better_by)
