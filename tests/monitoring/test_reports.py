"""What is warned of, and what is not: drift and calibration against their limits and against chance."""

import pytest

from app.models.queries import Report
from app.monitoring.reports import LatestReports, find_drifted, is_miscalibrated, read_gauges

OUTCOME = {
    "customers": 900,
    "brier": 0.15,
    "ece": 0.02,
    "ece_by_chance": 0.015,
    "auc": 0.8,
    "orders_bias": 0.1,
    "spend_bias": None,
}


def drift(customers=5000, reference_customers=50_000, **psi):
    """Of five features, of which `light` hardly weighs."""
    weights = {"recency": 0.3, "orders": 0.2, "spend": 0.29, "season_same": 0.2, "light": 0.01}
    return {
        "customers": customers,
        "reference_customers": reference_customers,
        "psi": dict.fromkeys(weights, 0.01) | psi,
        "weights": weights,
    }


def with_unknown_features(moved):
    """`light` weighs less than the average of the three that the model knows, and more than that of all six."""
    weights = {"recency": 0.5, "orders": 0.32, "light": 0.18, "new": 0.0, "newer": 0.0, "newest": 0.0}
    psi = {"recency": 0.01, "orders": 0.01, "light": moved}
    return {"customers": 5000, "reference_customers": 50_000, "psi": psi, "weights": weights}


def outcome(version, at_us=0, **numbers):
    return Report(version, "outcome", at_us, at_us, OUTCOME | numbers)


@pytest.mark.parametrize(
    ("found", "drifted"),
    [
        (drift(recency=0.24), []),
        (drift(recency=0.26), ["recency"]),
        (drift(recency=0.3, spend=0.9), ["spend", "recency"]),
        (drift(light=3.0), []),
        (drift(season_same=3.0), []),
        (drift(customers=80, recency=0.45), []),
        (drift(customers=80, recency=0.55), ["recency"]),
        (drift(reference_customers=80, recency=0.45), []),
        (with_unknown_features(moved=0.9), []),
        ({"customers": 0, "reference_customers": 9, "psi": {}, "weights": {"recency": 1.0}}, []),
    ],
)
def test_features_of_weight_that_moved_beyond_chance_are_told(found, drifted):
    assert find_drifted(found) == drifted


@pytest.mark.parametrize(
    ("ece", "by_chance", "is_told"),
    [(0.09, 0.01, False), (0.11, 0.01, True), (0.11, 0.08, False), (0.17, 0.08, True)],
)
def test_an_error_of_calibration_counts_beyond_what_chance_makes(ece, by_chance, is_told):
    assert is_miscalibrated({"ece": ece, "ece_by_chance": by_chance}) is is_told


def test_the_gauges_of_both_models():
    champion, challenger = outcome("v1", brier=0.15), outcome("v2", brier=0.14, customers=900)
    moved = Report("v1", "drift", 5_000_000, 5_000_000, drift(recency=0.3))
    found = {gauge[:2]: gauge[2] for gauge in read_gauges(LatestReports(moved, champion, challenger), 65_000_000)}
    assert found["perennial_model_brier", ("v1",)] == 0.15
    assert found["perennial_model_brier", ("v2",)] == 0.14
    assert found["perennial_model_auc", ("v1",)] == 0.8
    assert found["perennial_model_matured_customers", ("v2",)] == 900
    assert ("perennial_model_spend_bias", ("v1",)) not in found
    assert found["perennial_challenger_brier_difference", ()] == pytest.approx(-0.01)
    assert found["perennial_feature_drift_psi", ("recency",)] == 0.3
    assert found["perennial_drifted_features", ()] == 1
    assert found["perennial_monitoring_age_seconds", ()] == 60
    assert found["perennial_watch_age_seconds", ()] == 60  # its former name, for one release


def test_models_are_not_compared_across_times():
    """The challenger's latest is of another day than the champion's."""
    found = read_gauges(LatestReports(None, outcome("v1", at_us=1), outcome("v2", at_us=2)), 3)
    assert "perennial_challenger_brier_difference" not in {name for name, _, _ in found}


def test_nothing_is_said_without_a_report():
    assert list(read_gauges(LatestReports(), 0)) == []
