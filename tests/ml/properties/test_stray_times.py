"""One or a few orders dated decades back beside others change next to nothing of what is foretold."""

import numpy as np
import pytest

from tests.ml.properties.histories import draw_histories, feature, order, state_of, state_of_orders

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

STRAYS = {
    "1970": [0.0],
    "1900": [-25_567.0],
    "2000": [10_957.0],
    "1900, 1970 and 2000": [-25_567.0, 0.0, 10_957.0],
    "three at once": [10_957.0, 10_957.001, 10_957.002],
}


@pytest.fixture(params=STRAYS.values(), ids=list(STRAYS))
def strays(request, served):
    """As far before the model as before today: Online Retail II ends in 2011."""
    return [served.day - (20_600 - day) for day in request.param]


def test_a_stray_beside_a_weekly_buyer_moves_no_risk(served, strays):
    weekly = [served.day - 3.5 - 7 * np.arange(times) for times in (4, 8, 12, 30, 60)]
    alone = served.forecast(weekly)
    beside = served.forecast([[*strays, *days] for days in weekly])
    assert np.abs(beside.churn_risk - alone.churn_risk).max() < 0.02
    np.testing.assert_allclose(beside.orders, alone.orders, rtol=0.1)


def test_a_stray_beside_any_history_hardly_moves_a_risk(served, strays):
    """Where gaps are uneven the days of the others are only nearly known."""
    histories = draw_histories(1, 200, served.day)
    alone = served.forecast(histories)
    beside = served.forecast([[*strays, *days] for days in histories])
    moved = np.abs(beside.churn_risk - alone.churn_risk)
    assert (np.quantile(moved, 0.95) < 0.05, moved.max() < 0.12) == (True, True)


def test_rhythm_and_tenure_are_those_of_the_others(served, strays):
    rows = served.look([[*strays, *(served.day - 3.5 - 7 * np.arange(12))]])
    assert feature(rows, "tenure_days") == pytest.approx(80.5, abs=1)
    assert feature(rows, "rhythm_days") == pytest.approx(7, rel=0.05)
    assert feature(rows, "known_days") == feature(rows, "tenure_days")
    assert feature(rows, "average_order") == pytest.approx(5_000)


def test_one_order_and_a_stray_are_one_order(served):
    alone, beside = served.look([[served.day - 10], [served.day - 20_000, served.day - 10]])
    np.testing.assert_allclose(beside, alone, atol=1e-9)


def test_who_came_back_after_years_is_no_stray(served):
    """Twenty orders ten years ago and ten of late: a relation, and not a few slips of a clock."""
    days = [*(served.day - 3_650 + 30 * np.arange(20)), *(served.day - 5 - 30 * np.arange(10))]
    assert feature(served.look([days]), "tenure_days") == pytest.approx(3_650, abs=1)


def test_a_long_relation_is_no_stray(served):
    rng = np.random.default_rng(4)
    for gap, years in ((7, 12), (30, 8), (90, 15), (180, 9)):
        days = served.day - np.cumsum(rng.gamma(3, gap / 3, round(years * 365 / gap)))
        tenure = feature(served.look([days]), "tenure_days")
        assert tenure == pytest.approx(served.day - days.min(), abs=1), gap


def test_the_states_looked_at_are_the_core_s(served):
    for days in draw_histories(2, 5, served.day):
        np.testing.assert_allclose(state_of_orders(days), state_of([order(day) for day in days]), rtol=1e-9)
