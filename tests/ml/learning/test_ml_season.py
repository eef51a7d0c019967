"""The level: what is added so that predictions expect what happens."""

from datetime import UTC, datetime

import numpy as np
import pytest

from app.lifecycle.events import DAY_US
from app.lifecycle.targets import sigmoid
from ml.learning.season import (
    CalibrationError,
    forecast_deviations,
    forecast_shifts,
    share_error,
    shift_to_share,
    sum_error,
)

START_US = int(datetime(2024, 1, 10, tzinfo=UTC).timestamp()) * 1_000_000
MONTH_US = 30.436875 * DAY_US


def errors_of(shifts, variance=0.001):
    return [CalibrationError(int(START_US + at * MONTH_US), shift, variance) for at, shift in enumerate(shifts)]


def forecast(shifts, month, **options):
    return forecast_shifts(errors_of(shifts, **options), [(START_US + month * MONTH_US) / DAY_US])[0]


def test_shift_to_share():
    log_odds = np.random.default_rng(0).normal(size=500)
    for share in (0.01, 0.4, 0.99):
        assert sigmoid(log_odds + shift_to_share(log_odds, share)).mean() == pytest.approx(share)


def test_error_of_a_prediction_that_is_a_unit_too_low():
    rng = np.random.default_rng(1)
    log_odds = rng.normal(size=20_000)
    found = share_error(5, log_odds, rng.random(20_000) < sigmoid(log_odds + 1))
    assert found.cutoff_us == 5
    assert found.shift == pytest.approx(1, abs=4 * found.variance**0.5)
    assert found.variance == pytest.approx(1 / (20_000 * 0.15), rel=0.2)


@pytest.mark.parametrize("outcome", [True, False])
def test_error_is_finite_when_all_did_the_same(outcome):
    found = share_error(0, np.zeros(100), np.full(100, outcome))
    assert found.shift == pytest.approx(np.log(199) * (1 if outcome else -1))


def test_error_of_a_sum_that_is_half_of_what_came():
    rng = np.random.default_rng(2)
    expected = rng.gamma(1, 1, 20_000)
    found = sum_error(5, expected, 2 * rng.poisson(expected))
    assert found is not None
    assert found.shift == pytest.approx(np.log(2), abs=4 * found.variance**0.5)
    assert found.variance == pytest.approx(1 / 20_000, rel=0.1)


def test_a_sum_that_hangs_on_one_customer_is_little_known():
    one = np.eye(1000)[0]
    found = sum_error(0, np.ones(1000), one * 1e6)
    assert found
    assert found.variance > 0.9
    assert sum_error(0, np.ones(1000), np.zeros(1000)) is None
    assert sum_error(0, np.zeros(1000), one) is None


def test_nothing_known_means_no_shift():
    assert forecast_shifts([], [0, 1]).tolist() == [0, 0]


def test_a_constant_error_is_carried_on():
    assert forecast([0.4] * 9, 12) == pytest.approx(0.4, abs=0.1)


def test_last_years_season_comes_again():
    """Everyone buys before Christmas: the error of the cut-offs from September to November is low."""
    year = [0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, -0.2, -0.6, -0.5, 0.1, 0.7]
    september, june = forecast(year + [0.2] * 5, 20), forecast(year + [0.2] * 2, 17)
    assert september == pytest.approx(-0.6, abs=0.25)
    assert june == pytest.approx(0.2, abs=0.1)


def test_a_second_year_makes_surer():
    year = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.5, -0.8, -0.5, 0.0, 0.0]
    once, twice = forecast(year + [0.0] * 6, 20), forecast(year * 2 + [0.0] * 6, 32)
    assert abs(twice + 0.8) < abs(once + 0.8)


def test_few_customers_weigh_little():
    assert abs(forecast([1.0], 3, variance=1.0)) < abs(forecast([1.0], 3)) < 1.0


def test_a_season_seen_before_is_better_known_and_nothing_seen_is_known_least():
    errors = errors_of([0.0] * 9)
    seen, unseen = ((START_US + month * MONTH_US) / DAY_US for month in (14, 22.5))
    known, unknown = forecast_deviations(errors, [seen, unseen])
    least, _ = forecast_deviations([], [seen, unseen])
    assert known < unknown < least
    twice = forecast_deviations(errors_of([0.0] * 24), [(START_US + 26 * MONTH_US) / DAY_US])
    assert twice[0] < forecast_deviations(errors, [seen])[0]
