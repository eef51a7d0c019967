"""A country's trade as the prior of a season that the shop has not seen, and how it yields to the shop's own years."""

import numpy as np
import pytest

from app.lifecycle.events import DAY_US
from ml.learning.season import CalibrationError, forecast_deviations, forecast_shifts
from ml.learning.trade import COUNTRIES, changes_of_trade

JANUARY_2010 = 14_610
HORIZON_DAYS = 90


def trade(days):
    """Of churn: more trade, less of it."""
    return -changes_of_trade("GB", days, HORIZON_DAYS)


def errors(shift_of, days):
    return [CalibrationError(int(day * DAY_US), shift_of(day), 0.001) for day in days]


@pytest.mark.parametrize("country", COUNTRIES)
def test_trade_rises_into_the_feast_and_falls_after_it(country):
    autumn, after = JANUARY_2010 + 270, JANUARY_2010 + 358
    (before_feast, past_feast) = changes_of_trade(country, [autumn, after], HORIZON_DAYS)[0]
    assert before_feast > 0.02 > 0 > past_feast


def test_a_lead_is_the_same_change_so_much_earlier():
    changes = changes_of_trade("GB", JANUARY_2010 + np.arange(200), HORIZON_DAYS)
    np.testing.assert_allclose(changes[1][:170], changes[0][30:])
    np.testing.assert_allclose(changes[2][:140], changes[0][60:])


def test_over_a_year_the_changes_come_to_nothing():
    changes = changes_of_trade("US", JANUARY_2010 + np.arange(1461), HORIZON_DAYS)
    assert np.abs(changes.mean(axis=1)).max() < 2e-3


def swings(day):
    """A shop that sells to others: eight times as much, a month earlier."""
    return float(8 * trade([day])[1, 0])


def test_an_autumn_that_follows_trade_tells_of_the_winter():
    """Four cut-offs of a first summer and autumn, and the Christmas that nobody has seen."""
    known = errors(swings, JANUARY_2010 + np.array([162, 192, 223, 254]))
    (december,) = forecast_shifts(known, [JANUARY_2010 + 345], trade)
    (without,) = forecast_shifts(known, [JANUARY_2010 + 345])
    came = swings(JANUARY_2010 + 345)
    assert came > 1
    assert abs(december - came) < abs(without - came) / 2


def test_own_years_outweigh_the_country():
    """A shop without any season, in a country of Christmas: what is said of December is nothing after a year."""
    said = []
    for years in (0, 1, 2):
        known = errors(lambda _: 0.0, JANUARY_2010 + 30.4 * np.arange(max(12 * years, 1)))
        said.append(abs(forecast_shifts(known, [JANUARY_2010 + 345 + 365.2425 * years], trade)[0]))
    assert said[0] > 0.02
    assert max(said[1:]) < said[0] / 4


def test_what_is_not_seen_is_less_sure_with_a_calendar_than_without():
    """The prior says how much a shop may swing; without one little is thought possible."""
    at = [JANUARY_2010 + 345]
    assert forecast_deviations([], at, trade)[0] > forecast_deviations([], at)[0]
    seen = errors(lambda _: 0.0, JANUARY_2010 + 30.4 * np.arange(24))
    assert forecast_deviations(seen, [at[0] + 365], trade)[0] < forecast_deviations([], at, trade)[0]


def test_without_a_country_nothing_changes():
    known = errors(swings, JANUARY_2010 + np.array([0, 30, 60]))
    assert forecast_shifts([], [JANUARY_2010]).tolist() == [0.0]
    assert forecast_shifts(known, [JANUARY_2010 + 90], None) == forecast_shifts(known, [JANUARY_2010 + 90])
