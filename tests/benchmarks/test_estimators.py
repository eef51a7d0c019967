"""A short run of what `benchmarks.estimators` measures: 40 logs of 1,000 decisions each."""

from benchmarks.estimators import measure


def test_the_doubly_robust_estimate_errs_least_and_intervals_hold_the_truth():
    measured = measure(40, 1000)
    assert measured["doubly_robust"]["rmse"] < measured["inverse_propensity"]["rmse"]
    assert all(abs(each["bias"]) < 0.03 for each in measured.values())
    # of 40 intervals of 95 %, 33 or fewer hold the truth once in several thousand such runs
    assert all(each["held"] > 33 / 40 for each in measured.values())
