"""A difference that is looked at daily: by hand, and its false alarms."""

from math import log, sqrt

import numpy as np
import pytest

from app.lifecycle.sequences import LEAST_EACH, Outcomes, least_sample, read_at_any_time


def side(count, responded):
    return Outcomes(count, float(responded), float(responded))


def read(treated, control, looked_for):
    reading = read_at_any_time(treated, control, looked_for)
    assert reading is not None
    return reading


def test_the_interval_by_hand():
    reading = read(side(1000, 200), side(1000, 150), 0.05)
    error = (200 * 0.8 + 150 * 0.85) / 999 / 1000
    radius = sqrt(error * (1 + error / 0.0025) * (log(1 + 0.0025 / error) + 2 * log(20)))
    assert reading == pytest.approx((0.05, 0.05 - radius, 0.05 + radius))
    assert not reading.is_certain
    assert read(side(10_000, 2000), side(10_000, 1500), 0.05).is_certain


def test_harm_is_seen_too():
    assert read(side(10_000, 1500), side(10_000, 2000), 0.05).is_certain


def test_nothing_is_said_of_few_or_of_outcomes_all_alike():
    assert read_at_any_time(side(LEAST_EACH - 1, 20), side(1000, 20), looked_for=0.05) is None
    assert read_at_any_time(side(1000, 0), side(1000, 0), looked_for=0.05) is None


def test_it_is_wider_than_a_fixed_one_at_every_size():
    for count in (100, 1000, 10_000, 1_000_000):
        reading = read(side(count, count // 5), side(count, count // 5), 0.02)
        assert reading.high > 1.96 * sqrt(2 * 0.16 / count)


def test_sizes_are_told_beforehand():
    # 2 · (1.96 + .8416)² · .25 / .0025 = 1569.8
    assert least_sample(0.5, 0.05) == 1570
    assert least_sample(0.01, 0.5) == LEAST_EACH


def test_looked_at_daily_it_seldom_alarms_where_there_is_nothing():
    """Three hundred tests of forty days; at 5 % more than 27 alarms come once in a thousand."""
    draw, alarms = np.random.default_rng(2), 0
    days, a_day = 40, 150
    for _ in range(300):
        sums = draw.binomial(a_day, 0.15, (2, days)).cumsum(axis=1)
        readings = (
            read_at_any_time(side(a_day * day, sums[0, day - 1]), side(a_day * day, sums[1, day - 1]), looked_for=0.02)
            for day in range(1, days + 1)
        )
        alarms += any(reading is not None and reading.is_certain for reading in readings)
    assert alarms <= 27
