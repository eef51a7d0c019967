"""What becomes of prospects, learned from the demo shop and from next to nothing."""

import math

import numpy as np
import pytest

import ml.data.leaks
import ml.data.states
from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES, features
from app.lifecycle.measures import EMPTY, numbers_of
from app.lifecycle.prospects import PRIOR_RATE, ProspectCard
from ml.data.cutoffs import Untrainable, span_of
from ml.data.leaks import Leak
from ml.data.prospects import ProspectStates
from ml.evaluation.prospects import evaluate_prospects, judge_prospects
from ml.learning.prospects import fit_prospects, learn_prospects

pytestmark = [
    pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning"),  # Ibis calls it
    pytest.mark.usefixtures("one_bag"),
]
HORIZON_DAYS = 90


@pytest.fixture(scope="module")
def until_us(shop):
    return span_of(shop).until_us


@pytest.fixture(scope="module")
def learned(shop, until_us, one_bag):
    return learn_prospects(shop, until_us, HORIZON_DAYS)


def visitor(as_of_us, *, days_ago, visits):
    at_us = as_of_us - days_ago * DAY_US
    counted = {"events": visits, "visits": visits, "visits_decayed_15d": visits, "visits_decayed_60d": visits}
    return numbers_of(EMPTY | counted | dict.fromkeys(("first_event_us", "last_event_us", "last_visit_us"), at_us))


def test_yesterdays_cart_ranks_above_a_look_a_year_ago(learned, until_us):
    assert learned.card.methods[0] == "additive_trees"
    states = np.array([visitor(until_us, days_ago=1, visits=3), visitor(until_us, days_ago=365, visits=1)], np.float64)
    first, likeness = learned.card.expect(features(states, float(until_us)))
    assert first[0] > 5 * first[1]
    assert likeness[0] > likeness[1]


def test_the_more_is_done_of_late_the_likelier_and_silence_never_helps(learned, until_us):
    for name, way in (("visits_decayed_15d", 1), ("visits_decayed_60d", 1), ("visit_recency_days", -1)):
        steps = learned.card.first_order.steps[FEATURE_NAMES.index(name)][1:]
        assert (way * np.diff(steps) >= -1e-12).all(), name
    said = learned.card.first_order.steps[FEATURE_NAMES.index("visits_decayed_15d")]
    assert len(said) > 2


def test_what_only_buyers_have_has_no_say(learned):
    for name in ("recency_days", "orders", "rhythm_days", "average_order", "orders_decayed_60d", "spend_decayed_60d"):
        assert not len(learned.card.first_order.edges[FEATURE_NAMES.index(name)]), name


def test_nothing_after_the_time_is_learned_from(shop, until_us):
    at_us = until_us - 120 * DAY_US
    with_future = learn_prospects(shop, at_us, HORIZON_DAYS)
    without = learn_prospects(shop.filter(shop.occurred_us < at_us), at_us, HORIZON_DAYS)
    assert with_future.describe() == without.describe()
    assert with_future.past is not None
    assert without.past is not None
    assert np.array_equal(with_future.past.has_first_order, without.past.has_first_order)
    assert with_future.card.rate == without.card.rate


def test_a_planted_leak_is_refused(shop, until_us, monkeypatch):
    """A measure that sees a month beyond the cut-off."""

    def late(events, cutoffs_us, *spec):
        shifted = events.mutate(occurred_us=events.occurred_us - 30 * DAY_US)
        return ml.data.states.states(shifted, cutoffs_us, *spec)

    monkeypatch.setattr(ml.data.leaks, "states", late)
    with pytest.raises(Leak, match="visits"):
        evaluate_prospects(shop, HORIZON_DAYS, 1)


def test_ours_is_better_than_recency_and_than_activity_alone(shop, until_us):
    """The demo shop: simulated."""
    told = judge_prospects(shop, [until_us - days * DAY_US for days in (146, 118, 90)], HORIZON_DAYS)
    auc = {model: metrics["auc"] for model, metrics in told["first_order"]["models"].items()}
    assert auc["perennial"] > max(auc["recency"], auc["activity_count"])
    assert told["first_order"]["models"]["perennial"]["ece"] < 0.08
    assert told["first_order"]["models"]["recency"]["ece"] is None
    assert told["first_order"]["came"] == pytest.approx(told["first_order"]["base_rate"] * told["n"])


def few(first_orders, prospects):
    """Prospects seen today, once each: two touches."""
    states = np.array([visitor(0, days_ago=0, visits=1)] * prospects, np.float64)
    came = np.arange(prospects) < first_orders
    ids = np.array([f"C-{number}" for number in range(prospects)], object)
    return ProspectStates(ids, np.zeros(prospects, np.int64), states, came, np.zeros(prospects, bool))


def test_few_first_orders_move_the_rate_from_the_assumption_as_far_as_they_go():
    """Gamma prior of 50 touches: (came + 5) / (touches + 50), of those bought first (best + 2) / (bought + 10)."""
    card = fit_prospects(few(6, 25), HORIZON_DAYS).card
    assert card.rate == pytest.approx((6 + 5) / (50 + 50))
    assert card.best_share == pytest.approx(2 / 16)
    assert (card.methods, card.data_sufficiency) == (("activity_rule", "activity_rule"), "little")
    (first, *_), _ = card.expect(few(6, 25).features())
    assert first == pytest.approx(1 - math.exp(-2 * card.rate))


def test_where_nobody_was_seen_before_an_order_the_assumption_serves(table_of, order_of):
    orders = table_of([order_of(f"C-{day}", day * DAY_US) for day in range(20_000, 20_400)])
    learned = learn_prospects(orders, 20_400 * DAY_US, HORIZON_DAYS)
    assert learned.card == ProspectCard(HORIZON_DAYS)
    assert (learned.card.rate, learned.card.data_sufficiency) == (PRIOR_RATE, "none")
    with pytest.raises(Untrainable, match="Nobody was seen before their first order"):
        evaluate_prospects(orders, HORIZON_DAYS, 2)
