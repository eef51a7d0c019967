"""Resampled numbers against the plain ones, and intervals against what theory says."""

import numpy as np
import pytest

from ml.evaluation import metrics
from ml.evaluation.bootstrap import Resampled, intervals

CHURN = {"auc": metrics.auc, "brier": metrics.brier, "log_loss": metrics.log_loss, "lift_at_10": metrics.lift_at}
VALUE = {
    "mae": metrics.mae,
    "rmse": metrics.rmse,
    "bias": metrics.bias,
    "pearson": metrics.pearson,
    "spearman": metrics.spearman,
    "normalised_gini": metrics.normalised_gini,
}


@pytest.fixture
def churned_and_risk():
    """Ties included: risks of two digits."""
    rng = np.random.default_rng(1)
    risk = np.round(rng.random(600), 2)
    return (rng.random(600) < risk).astype(float), risk


@pytest.fixture
def spent_and_expected():
    rng = np.random.default_rng(2)
    spent = np.where(rng.random(600) < 0.5, 0.0, rng.gamma(1.0, 100.0, 600))
    return spent, np.round(spent * rng.random(600) + rng.gamma(1.0, 50.0, 600))


@pytest.mark.parametrize("name", CHURN)
def test_a_weight_is_a_copy_of_a_risk(name, churned_and_risk):
    assert_weights_are_copies(name, CHURN[name], *churned_and_risk)


@pytest.mark.parametrize("name", VALUE)
def test_a_weight_is_a_copy_of_an_expectation(name, spent_and_expected):
    assert_weights_are_copies(name, VALUE[name], *spent_and_expected)


def assert_weights_are_copies(name, metric, actual, predicted):
    counts = np.random.default_rng(3).integers(0, 4, (3, len(actual)))
    found = getattr(Resampled(actual, predicted, counts.astype(float)), name)()
    copies = [np.repeat(np.arange(len(actual)), count) for count in counts]
    assert found == pytest.approx([metric(actual[rows], predicted[rows]) for rows in copies])


def test_the_calibration_error_of_equal_weights_is_the_plain_one(churned_and_risk):
    churned, risk = churned_and_risk
    found = Resampled(churned, risk, np.ones((1, len(risk)))).ece()
    assert found == pytest.approx([metrics.ece(churned, risk)])


def models(churned, risk):
    noise = np.random.default_rng(4).normal(0, 0.25, len(risk))
    predictions = {"ours": risk, "blurred": (risk + noise).clip(0, 1), "days": 1000 * (risk + noise)}
    numbers = {name: metrics.churn_metrics(churned, predictions[name]) for name in ("ours", "blurred")}
    return predictions, numbers | {"days": metrics.rank_metrics(churned, predictions["days"])}


def test_an_interval_is_about_as_wide_as_theory_says(churned_and_risk):
    churned, risk = churned_and_risk
    predictions, numbers = models(churned, risk)
    found = intervals(churned, predictions, numbers)
    low, high = found["models"]["ours"]["brier"]
    losses = (churned - risk) ** 2
    assert low < numbers["ours"]["brier"] < high
    assert high - low == pytest.approx(2 * 1.96 * losses.std() / np.sqrt(len(losses)), rel=0.15)
    assert found["level"] == 0.95


def test_a_difference_is_surer_than_its_parts(churned_and_risk):
    """The same customers were drawn for both."""
    churned, risk = churned_and_risk
    predictions, numbers = models(churned, risk)
    found = intervals(churned, predictions, numbers)
    lead = found["against_best"]["auc"]
    assert lead["comparator"] in ("blurred", "days")
    assert lead["lead"] == pytest.approx(numbers["ours"]["auc"] - numbers[lead["comparator"]]["auc"])
    assert 0 < lead["interval"][0] < lead["lead"] < lead["interval"][1]
    widths = [np.diff(found["models"][name]["auc"])[0] for name in ("ours", lead["comparator"])]
    assert np.diff(lead["interval"])[0] < sum(widths)


def test_what_has_no_number_has_no_interval(churned_and_risk):
    churned, risk = churned_and_risk
    predictions, numbers = models(churned, risk)
    found = intervals(churned, predictions, numbers, draws=20)
    assert found["models"]["days"]["brier"] is None
    assert found["against_best"]["brier"]["comparator"] == "blurred"
    alone = intervals(churned, {"ours": risk}, {"ours": numbers["ours"]}, draws=20)
    assert alone["against_best"]["auc"] is None


def test_of_a_bias_its_size_counts():
    spent = np.random.default_rng(5).gamma(1.0, 100.0, 400)
    predictions = {"ours": spent * 0.9, "over": spent * 1.3, "under": spent * 0.6}
    numbers = {name: metrics.spend_metrics(spent, predicted) for name, predicted in predictions.items()}
    lead = intervals(spent, predictions, numbers, draws=50)["against_best"]["bias"]
    assert (lead["comparator"], lead["lead"]) == ("over", pytest.approx(0.2))


def test_the_same_data_give_the_same_intervals(churned_and_risk):
    churned, risk = churned_and_risk
    predictions, numbers = models(churned, risk)
    assert intervals(churned, predictions, numbers, 30) == intervals(churned, predictions, numbers, 30)


def test_customers_of_one_kind_are_no_error():
    risk = np.linspace(0.1, 0.9, 30)
    numbers = {"ours": metrics.churn_metrics(np.ones(30), risk)}
    found = intervals(np.ones(30), {"ours": risk}, numbers, draws=20)
    assert found["models"]["ours"]["auc"] is None
    assert found["models"]["ours"]["brier"] is not None
