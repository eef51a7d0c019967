"""Scores of one, of a batch and of columns are the same; what is at stake follows from them."""

import random
from dataclasses import replace
from decimal import Decimal
from math import exp, log
from operator import add

import numpy as np
import orjson
import pytest

from app.customers.state import CustomerState, newcomer
from app.foundation.settings import Settings
from app.lifecycle.events import (
    DAY_US,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    STORE_VISITED,
    Event,
)
from app.lifecycle.features import FEATURES, features
from app.lifecycle.measures import LATEST, fold, numbers_of
from app.lifecycle.scorer import Scorecard
from app.lifecycle.stages import StagePolicy
from app.scores.columns import score_columns
from app.scores.rendering import render_score
from app.scores.scoring import Scoring
from app.scores.service import MANY, score_one, score_states, value_of

NOW_US = 20_000 * DAY_US + 12_345
TYPES = (ORDER_COMPLETED, ORDER_COMPLETED, ORDER_REFUNDED, STORE_VISITED)


def state_of(customer_id, *events):
    """From (type, days ago, minor units)."""
    bare = Event(customer_id, "/till", "", "", 0, None, "store", None, 0, 0, 1, 0, None, b"", "")
    history = [
        bare._replace(id=str(at), type=type_, occurred_us=NOW_US - int(ago * DAY_US), amount_minor=minor)
        for at, (type_, ago, minor) in enumerate(events)
    ]
    state = fold(history)
    return CustomerState(customer_id, numbers_of(state), [None] * len(LATEST))


@pytest.fixture(scope="module")
def states():
    """A hundred customers, the first a prospect."""
    chance = random.Random(4)
    made = [state_of("C-0", (STORE_VISITED, 3, 0))]
    for number in range(1, 100):
        count = chance.randint(1, 12)
        more = [(chance.choice(TYPES), chance.uniform(0, 500), chance.randint(0, 9_000)) for _ in range(count)]
        made.append(state_of(f"C-{number}", (ORDER_COMPLETED, chance.uniform(0, 300), 5_000), *more))
    return made


def between(values):
    """A few edges between values, never on one: features of one and of many differ in the last bit."""
    return ((values[:-1] + values[1:]) / 2)[: 9 * 7 : 7]


@pytest.fixture(scope="module")
def scoring(make_model, states):
    """A model in which every feature has a say in every target, unknown values too."""
    rng = np.random.default_rng(9)
    rows = features(np.array([state.numbers for state in states], np.float64), float(NOW_US))
    edges = tuple(between(np.unique(column[~np.isnan(column)])) for column in rows.T)
    steps = tuple(rng.normal(0.0, 0.2, (len(edge) + 2, 3)) for edge in edges)
    days = np.array([19_990, 20_004, 20_300])
    scorecard = Scorecard(edges, (-0.5, 0.2, 8.5), steps, days, rng.normal(0.0, 0.3, (3, 3)))
    return Scoring.of(Settings(), replace(make_model("v7"), scorecard=scorecard))


def test_a_batch_says_what_single_scores_say_to_the_last_bit(states, scoring):
    assert len(states) > MANY
    batch = score_states(states, NOW_US, scoring)
    singles = [score_states([state], NOW_US, scoring)[0] for state in states]
    for one, other in zip(batch, singles, strict=True):
        assert render_score(one, scoring, "en") == render_score(other, scoring, "en")
        assert one[5:8] == other[5:8]
        assert list(one.churn_terms) == list(other.churn_terms)
        assert list(one.spend_terms) == list(other.spend_terms)
        assert list(one.orders_terms) == list(other.orders_terms)
        assert one.bases == other.bases


def test_columns_say_what_scores_say(states, scoring):
    buyers = [state for state in states if state.number("orders")]
    columns = score_columns(np.array([state.numbers for state in buyers], np.float64), float(NOW_US), scoring).expected
    scores = [score_one(state, NOW_US, scoring) for state in buyers]
    assert columns.churn_risk.tolist() == [score.churn_risk for score in scores]
    assert columns.orders.tolist() == [score.expected_orders for score in scores]
    assert columns.spend_minor.tolist() == [score.expected_spend_minor for score in scores]
    tiers = [render_score(score, scoring, "en")["value_tier"] for score in scores]
    assert scoring.bounds.tiers(columns.spend_minor).tolist() == tiers
    assert len(set(tiers)) > 1


def test_whoever_asks_for_no_reasons_is_told_all_else(states, scoring):
    """Of many: the terms of one are there anyway."""
    explained = score_states(states, NOW_US, scoring)
    bare = score_states(states, NOW_US, scoring, explained=False)
    for one, other in zip(explained, bare, strict=True):
        np.testing.assert_array_equal(one.row, other.row)
        assert one._replace(row=[], churn_terms=(), spend_terms=(), orders_terms=()) == other._replace(row=[])
    assert all(len(score.churn_terms) == len(FEATURES) for score in explained[1:])


def test_a_model_of_another_time_has_another_level(states, scoring):
    """The level between its days: 20,000 lies 10 of 14 days after the first."""
    card, day = scoring.model.scorecard, 20_000.0
    expected = card.levels[0] + (card.levels[1] - card.levels[0]) * (day - 19_990) / 14
    assert card.level(day * DAY_US) == pytest.approx(expected)
    score = score_states([states[1]], int(day * DAY_US), scoring)[0]
    spend = card.intercepts[2] + expected[2] + sum(score.spend_terms)
    assert score.expected_spend_minor == pytest.approx(exp(spend), rel=1e-12)


def test_nothing_is_told_of_a_prospect(scoring):
    for state in (newcomer("C-new"), state_of("C-0", (STORE_VISITED, 3, 0))):
        (score,) = score_states([state], NOW_US, scoring)
        told = render_score(score, scoring, "zh")
        for name in ("churn_risk", "expected_orders", "expected_spend", "value_tier", "expected_next_order_at"):
            assert told[name] is None
        assert told["expected_next_order_interval"] is None
        assert [told[name] for name in ("reasons", "value_reasons", "order_reasons", "sums")] == [[], [], [], None]
        assert (told["method"], told["model_version"]) == ("rules", None)
        assert value_of(score, scoring) is None


def test_what_is_at_stake_by_a_model_is_their_spend_if_they_buy_at_all(states, scoring):
    for score in score_states(states[1:], NOW_US, scoring):
        assert score.churn_risk is not None
        assert score.expected_spend_minor is not None
        chance = max(1 - score.churn_risk, 0.05)
        assert value_of(score, scoring) == pytest.approx(score.expected_spend_minor / 100 / chance)


def test_what_is_at_stake_by_rules_is_a_horizon_at_their_own_pace():
    """Orders of 50 and 70, 20 refunded, 9 days apart: the usual gap of 45 as one gap more makes 27 days."""
    scoring = Scoring(None, StagePolicy(), 90, "CNY", 2)
    state = state_of("C-1", (ORDER_COMPLETED, 19, 5_000), (ORDER_COMPLETED, 10, 7_000), (ORDER_REFUNDED, 5, 2_000))
    (score,) = score_states([state], NOW_US, scoring)
    assert value_of(score, scoring) == pytest.approx(50 * 90 / 27)
    assert score.expected_orders == pytest.approx(90 / 27)
    assert score.expected_spend_minor == pytest.approx(5_000 * 90 / 27)


def test_refunds_beyond_all_spend_leave_nothing_to_expect():
    scoring = Scoring(None, StagePolicy(), 90, "CNY", 2)
    (score,) = score_states([state_of("C-1", (ORDER_COMPLETED, 10, 500), (ORDER_REFUNDED, 5, 900))], NOW_US, scoring)
    assert (score.expected_spend_minor, value_of(score, scoring)) == (0.0, 0.0)


def test_reasons_are_at_most_five_and_the_strongest(states, scoring):
    for score in score_states(states[1:20], NOW_US, scoring):
        told = render_score(score, scoring, "en")
        lists = {
            "reasons": score.churn_terms,
            "value_reasons": score.spend_terms,
            "order_reasons": score.orders_terms,
        }
        for name, terms in lists.items():
            effects = [abs(reason["effect"]) for reason in told[name]]
            assert effects == sorted(effects, reverse=True)
            assert len(effects) == 5
            assert effects == pytest.approx(sorted(map(abs, terms), reverse=True)[:5], abs=1e-4)
            assert {reason["feature"] for reason in told[name]} <= {feature.name for feature in FEATURES}


def test_base_reasons_and_remainder_add_up_to_what_is_told(states, scoring):
    """As decimals, exactly; and the sum is the logarithm of the figure itself, as far as that is rounded."""
    inverses = {"churn_risk": lambda link: 1 / (1 + exp(-link)), "expected_orders": exp, "expected_spend": exp}
    halves = {"churn_risk": 0.5e-6, "expected_orders": 0.5e-4, "expected_spend": 0.005}
    lists = {"churn_risk": "reasons", "expected_orders": "order_reasons", "expected_spend": "value_reasons"}
    for score in score_states(states[1:], NOW_US, scoring):
        told = orjson.loads(orjson.dumps(render_score(score, scoring, "en")))
        for member, name in lists.items():
            found = told["sums"][member]
            effects = [Decimal(str(reason["effect"])) for reason in told[name]]
            base, remainder, total = (Decimal(str(found[each])) for each in ("base", "remainder", "sum"))
            assert base + sum(effects) + remainder == total
            assert inverses[member](found["sum"]) == pytest.approx(told[member], abs=halves[member] * 1.001, rel=1e-8)


def test_the_base_is_the_average_customers_at_that_time(states, scoring):
    """Of the spend, in the currency: the model's is in minor units."""
    (score,) = score_states([states[1]], NOW_US, scoring)
    card = scoring.model.scorecard
    churn, orders, spend = map(add, card.intercepts, card.level(NOW_US))
    sums = render_score(score, scoring, "en")["sums"]
    bases = [sums[member]["base"] for member in ("churn_risk", "expected_orders", "expected_spend")]
    assert bases == pytest.approx([churn, orders, spend - log(100)], abs=1e-4)
    assert [sums[member]["scale"] for member in sums] == ["log_odds", "log", "log"]
