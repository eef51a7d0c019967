"""What a retailer is sure of: silence never lowers the risk, an order never raises it, a complaint never lowers it."""

import numpy as np
import pytest

from app.lifecycle.events import CASE_OPENED, ORDER_REFUNDED
from app.lifecycle.features import FEATURE_NAMES
from tests.ml.properties.histories import draw_histories, happening, order, state_of

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

SEASON = [FEATURE_NAMES.index(name) for name in ("season_same", "season_ahead")]
NOTHING = 1e-9
DAYS = (1, 3, 7, 14, 30, 60, 90, 180, 365)


@pytest.fixture(scope="module")
def histories(served):
    return draw_histories(7, 250, served.day)


@pytest.fixture(scope="module")
def visited(served):
    """With a refund, a complaint or a visit at times, merged event by event."""
    rng = np.random.default_rng(3)
    made = []
    for days in draw_histories(8, 60, served.day, most=10):
        events = [order(day) for day in days]
        if rng.random() < 0.5:
            events.append(happening(ORDER_REFUNDED, days[0] + 0.5, amount_minor=2_000))
        if rng.random() < 0.5:
            events.append(happening("store.visited", served.day - rng.uniform(0, 40), channel="store"))
        if rng.random() < 0.3:
            events.append(complaint(served.day - rng.uniform(0, 100)))
        made.append(events)
    return made


def complaint(day):
    return happening(CASE_OPENED, day, kind="complaint", reference="S-1")


def without_season(rows):
    rows = rows.copy()
    rows[:, SEASON] = np.nan
    return rows


@pytest.mark.parametrize("days", DAYS)
def test_silence_lowers_no_risk_and_raises_no_orders(served, histories, days):
    """All but the season, which turns for everybody as time passes."""
    now, later = (served.foretell(without_season(served.look(histories, after))) for after in (0, days))
    assert (later.churn_risk >= now.churn_risk - NOTHING).all()
    assert (later.orders <= now.orders * (1 + NOTHING)).all()


@pytest.mark.parametrize("days", DAYS)
def test_with_the_season_it_hardly_does(served, histories, days):
    now, later = served.forecast(histories), served.forecast(histories, days)
    assert (now.churn_risk - later.churn_risk).max() < 0.06
    assert np.mean(now.churn_risk - later.churn_risk > 0.02) <= 0.02


@pytest.mark.parametrize("days", DAYS)
def test_the_same_orders_longer_ago_are_no_lower_risk(served, histories, days):
    now = served.foretell(without_season(served.look(histories)))
    ago = served.foretell(without_season(served.look([history - days for history in histories])))
    assert (ago.churn_risk >= now.churn_risk - NOTHING).all()


def test_silence_after_refunds_visits_and_complaints_lowers_no_risk(served, visited):
    states = [state_of(events) for events in visited]
    risks = [served.foretell(without_season(served.look_at(states, days))).churn_risk for days in (0, *DAYS)]
    assert (np.diff(risks, axis=0) >= -NOTHING).all()


def test_an_order_raises_no_risk_and_lowers_no_orders(served, histories):
    before = served.forecast(histories)
    after = served.forecast([[*history, served.day] for history in histories])
    assert (after.churn_risk - before.churn_risk).max() < 0.01
    assert (after.orders / before.orders).min() > 0.95


def test_a_complaint_lowers_no_risk(served, visited):
    states = [[state_of([*events, *[complaint(served.day - 1)] * more]) for events in visited] for more in range(3)]
    risks = [served.foretell(served.look_at(each)).churn_risk for each in states]
    assert (np.diff(risks, axis=0) >= -NOTHING).all()
