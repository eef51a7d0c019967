"""What offers may know of a customer, and what is taken off before it is looked at."""

import time
from dataclasses import replace

import numpy as np
import pytest

from app.customers.item_states import ItemStates
from app.customers.state import CustomerState, newcomer
from app.foundation.settings import Settings
from app.lifecycle.arms import Arms
from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.measures import LATEST, NUMERIC, TIMES
from app.lifecycle.pricing.sensitivity import Habit
from app.lifecycle.states import ITEM
from app.recommendations.histories import History
from app.recommendations.offers.standing import SEEN, read_standing
from app.scores.scoring import Scoring
from app.scores.service import score_one

NOW_US = time.time_ns() // 1000
NO_ITEMS = ItemStates(ITEM, [], np.empty((0, len(ITEM.measures))))


def listen_to_all(model):
    """The model with three steps of each feature, no two alike, and one of what is not known."""
    draw = np.random.default_rng(3)
    edges = tuple(np.array([0.1, 3.0]) for _ in FEATURE_NAMES)
    steps = tuple(draw.normal(scale=0.2, size=(4, 3)) for _ in FEATURE_NAMES)
    return replace(model, scorecard=replace(model.scorecard, edges=edges, steps=steps))


def history_of(**measures):
    """Of somebody with orders a week apart, and more."""
    usual = {
        **dict.fromkeys((measure.name for measure in NUMERIC), 1.0),
        **{measure.name: NOW_US - 200.0 * DAY_US for measure in TIMES},
        "orders": 10.0,
        "order_days": 10.0,
        "last_order_us": NOW_US - 7.0 * DAY_US,
        "spend_minor": 90_000.0,
        "last_event_us": NOW_US - 7.0 * DAY_US,
        "second_last_order_us": NOW_US - 14.0 * DAY_US,
        **measures,
    }
    numbers = [usual[measure.name] for measure in NUMERIC]
    return History(CustomerState("C-1", numbers, [None] * len(LATEST)), NO_ITEMS, {})


@pytest.fixture
def scoring(make_model):
    return Scoring.of(Settings(), listen_to_all(make_model("m-1")))


def test_the_measures_that_are_seen_are_a_closed_list():
    """Times and amounts of orders and refunds. Whoever adds one answers for it in docs/explanation/price-depth.md."""
    unseen = {measure.name for measure in NUMERIC} - SEEN
    assert unseen == {
        *("events", "orders_store", "visits", "cases", "complaints", "cases_resolved", "points"),
        *("season_cos", "season_sin", "first_event_us", "last_visit_us", "last_complaint_us"),
        *("visits_decayed_15d", "visits_decayed_60d"),
    }


@pytest.mark.parametrize("measure", [measure for measure in NUMERIC if measure.name not in SEEN], ids=str)
def test_nothing_else_changes_what_is_foreseen(scoring, measure):
    told = set()
    for value in (0.0, 1.0, 7.0, 400.0):
        value = NOW_US - value * DAY_US if measure in TIMES else value
        standing = read_standing(history_of(**{measure.name: value}), scoring, Arms(), NOW_US)
        told.add((standing.churn_risk, standing.value_tier))
    assert len(told) == 1
    assert next(iter(told))[0] is not None


@pytest.mark.parametrize("measure", ["orders_store", "visits", "complaints", "season_cos"])
def test_which_a_score_makes_something_of(scoring, measure):
    risks = {score_one(history_of(**{measure: each}).customer, NOW_US, scoring).churn_risk for each in (0.0, 9.0)}
    assert len(risks) == 2


def test_what_is_seen_counts(scoring):
    risks = {
        read_standing(history_of(last_order_us=NOW_US - days * DAY_US), scoring, Arms(), NOW_US).churn_risk
        for days in (0.05, 1.0, 9.0)
    }
    assert len(risks) == 3


def test_of_nobody_nothing_is_known(scoring):
    for history in (None, History(None, NO_ITEMS, {})):
        standing = read_standing(history, scoring, Arms(), NOW_US)
        assert (standing.refused, standing.habit) == ("unknown_customer", Habit(0.0, 0.0, 0.0))


def test_who_never_bought_has_no_habit(scoring):
    standing = read_standing(History(newcomer("C-1"), NO_ITEMS, {}), scoring, Arms(), NOW_US)
    assert (standing.refused, standing.habit, standing.churn_risk) == (None, Habit(0.0, 0.0, 0.0), None)


def test_a_habit_is_of_all_items_and_of_each(scoring):
    numbers = np.zeros((2, len(ITEM.measures)))
    at = {measure.name: place for place, measure in enumerate(ITEM.measures)}
    for row, told in enumerate(({"orders": 4, "quantity": 8, "discounted_orders": 3}, {"orders": 2, "quantity": 2})):
        for name, value in told.items():
            numbers[row, at[name]] = value
    history = history_of()._replace(items=ItemStates(ITEM, ["a", "b"], numbers))
    standing = read_standing(history, scoring, Arms(), NOW_US)
    assert standing.habit == Habit(6.0, 6.0, 3.0)  # ten orders are known, six with lines
    assert standing.items == {"a": (4.0, 3.0), "b": (2.0, 0.0)}
