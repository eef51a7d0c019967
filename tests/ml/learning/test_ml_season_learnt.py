"""The season is in the level: a shop that has seen its busy months expects them again."""

from datetime import UTC, datetime

import numpy as np
import pytest

import ml.learning.targets
from app.lifecycle.events import DAY_US, ORDER_COMPLETED
from ml.data.cutoffs import to_us
from ml.data.states import labelled_states
from ml.learning.methods import learn

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

CUTOFF_US = to_us(datetime(2025, 11, 20, tzinfo=UTC))
HORIZON_DAYS = 30
KNOWN_DAYS = 660
"""The same season a year before is among them."""


def traffic(days):
    """Days from the cut-off → how much is bought: most a month after it, least half a year away."""
    return 1.0 + 0.7 * np.cos(2 * np.pi * (days - 30) / 365.2425)


def shop_of(customers=700):
    """Everyone buys by chance at a rate of their own and of the season, until they leave."""
    rng = np.random.default_rng(8)
    for number in range(customers):
        days = np.arange(rng.integers(-KNOWN_DAYS, -60), HORIZON_DAYS)
        days = days[: int(rng.exponential(1500)) + 1]
        rate = rng.gamma(2.0, 1 / 60) * traffic(days)
        bought = rng.random(len(days)) < rate
        bought[0] = True
        for day in days[bought]:
            at_us = CUTOFF_US + int(day) * DAY_US + int(rng.integers(DAY_US))
            yield {
                "customer_id": f"C{number}",
                "source": "/till",
                "id": f"{number}-{day}",
                "type": ORDER_COMPLETED,
                "occurred_us": at_us,
                "amount_minor": 1_000,
                "discount_minor": 0,
                "items": 1,
                "points": 0,
            }


def test_a_season_that_was_seen_is_expected_again(table_of, one_bag, monkeypatch):
    """The risk of 30 busy days; without the level it is that of days like any other."""
    events = table_of(list(shop_of()))
    came = labelled_states(events, [CUTOFF_US], HORIZON_DAYS)
    before = labelled_states(events, [CUTOFF_US - days * DAY_US for days in (60, 120, 180)], HORIZON_DAYS)
    actual, usual = came.churned.mean(), before.churned.mean()
    assert usual - actual > 0.15

    def expected():
        learned = learn(events, CUTOFF_US, HORIZON_DAYS, lambda _: None)
        return learned.targets.predict(came.features(), CUTOFF_US).churn.mean()

    assert abs(expected() - actual) < 0.3 * (usual - actual)
    monkeypatch.setattr(ml.learning.targets, "forecast_shifts", lambda errors, days, _trade=None: np.zeros(len(days)))
    assert abs(expected() - actual) > 0.3 * (usual - actual)
