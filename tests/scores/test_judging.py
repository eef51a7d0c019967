"""Many customers judged at once say what single scores say."""

import random
import struct

import numpy as np
import pytest

from app.customers.everybody import read_vectors
from app.customers.state import CustomerState
from app.decisions.contact_book import ContactBook
from app.decisions.service import Deciding, customer_context
from app.foundation.settings import Settings
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.decisions import DecisionOptions, Policy
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.features import FEATURES
from app.lifecycle.measures import LATEST, NUMERIC, fold, numbers_of
from app.lifecycle.stages import StagePolicy
from app.scores.columns import score_columns
from app.scores.scoring import Scoring
from app.scores.service import score_one, score_states, value_of
from app.stages.changes import judge_each
from app.stages.service import StageContext, expect_loss

NOW_US = 20_000 * DAY_US
TYPES = ("order.completed", "order.completed", "order.refunded", "store.visited", "case.opened")
GAVE_ALL_BACK = ("order.completed (given back)", "order.refunded")


def history(chance, customer_id):
    """Up to thirty events at a pace of the customer's own, some with refunds and complaints, some without orders."""
    types = TYPES if chance.random() < 0.9 else chance.choice((("store.visited",), GAVE_ALL_BACK))
    pace = chance.choice((1, 7, 40, 300)) * DAY_US
    at = NOW_US - chance.randint(0, chance.choice((1, 20, 600))) * DAY_US
    for number in range(chance.randint(1, 30)):
        at -= chance.randint(0, 2 * pace)
        amount = chance.randint(0, 50_000)
        facts = ("complaint", "store", None, amount, 0, 1, 0, None, b"", "{}")
        yield Event(customer_id, "/till", str(number), chance.choice(types), at, *facts)


@pytest.fixture(scope="module")
def states():
    chance = random.Random(11)
    folded = [fold(history(chance, f"C-{number}")) for number in range(600)]
    return [
        CustomerState(f"C-{number}", numbers_of(state), [None] * len(LATEST)) for number, state in enumerate(folded)
    ]


@pytest.fixture(params=["rules", "model"])
def context(request, make_model):
    model = make_model("v1") if request.param == "model" else None
    return StageContext(Scoring(model, StagePolicy(), 90, "CNY", 2), 0.5)


def test_every_stage_risk_and_loss_is_that_of_the_score(states, context):
    scores = score_states(states, NOW_US, context.scoring)
    vectors = np.array([state.numbers for state in states], np.float64)
    judged = list(judge_each(vectors, NOW_US, context.scoring))
    assert [one.judgement for one in judged] == [score.judgement for score in scores]
    assert [one.churn_risk for one in judged] == [score.churn_risk for score in scores]
    assert [one.expected_loss for one in judged] == [expect_loss(score, context) for score in scores]
    assert {one.judgement.stage for one in judged} == {"prospect", "new", "growing", "mature", "declining", "lost"}


def test_one_at_a_time_is_the_same(states, context):
    """But for the last bits of features."""
    vectors = np.array([state.numbers for state in states], np.float64)
    judged = judge_each(vectors, NOW_US, context.scoring)
    for state, vector, expected in zip(states, vectors.tolist(), judged, strict=True):
        for numbers in (state.numbers, vector):
            one = score_one(state._replace(numbers=numbers), NOW_US, context.scoring)
            assert one.judgement[:2] == expected.judgement[:2]
            assert one.churn_risk == pytest.approx(expected.churn_risk)
            assert expect_loss(one, context) == pytest.approx(expected.expected_loss)


def test_columns_say_of_everybody_what_scores_say(states, context):
    """Nothing is to be expected of who never bought, and nothing at stake with them."""
    scores = score_states(states, NOW_US, context.scoring)
    columns = score_columns(np.array([state.numbers for state in states], np.float64), float(NOW_US), context.scoring)
    at_stake = [value_of(score, context.scoring) for score in scores]
    assert [None if value != value else value for value in columns.at_stake.tolist()] == at_stake
    assert columns.has_bought.tolist() == [value is not None for value in at_stake]
    spend = [None if minor != minor else minor for minor in columns.expected.spend_minor.tolist()]
    assert spend == [score.expected_spend_minor for score in scores]
    assert 0.0 in [
        minor for minor, bought in zip(spend, columns.has_bought, strict=True) if not bought
    ]  # gave all back
    assert columns.rows.shape == (len(states), len(FEATURES))
    np.testing.assert_array_equal([score.row for score in scores], columns.rows)


def test_nobody_is_scored(context):
    columns = score_columns(np.empty((0, len(NUMERIC))), float(NOW_US), context.scoring)
    assert (len(columns.at_stake), list(judge_each(np.empty((0, len(NUMERIC))), NOW_US, context.scoring))) == (0, [])


def test_the_loss_is_the_risk_of_what_a_decision_has_at_stake(states, context):
    deciding = Deciding(
        context.scoring, ActionCatalogue(DEFAULT_ACTIONS), Policy(0.0, 0.0, 0.25), 80.0, 0.5, ContactBook(Settings())
    )
    for score in score_states(states, NOW_US, context.scoring):
        at_stake = customer_context(score, deciding, {}, DecisionOptions("store", 1)).value_at_stake
        assert expect_loss(score, context) == (score.churn_risk or 0.0) * at_stake


def test_vectors_as_postgres_sends_them():
    """Dimensions, flag, type, length, lower bound; then length and value of each."""
    header = struct.pack(">iiiii", 1, 0, 701, len(NUMERIC), 1)
    numbers = [[float(at) for at in range(len(NUMERIC))], [float("nan")] * len(NUMERIC)]
    sent = [header + b"".join(struct.pack(">id", 8, number) for number in row) for row in numbers]
    np.testing.assert_array_equal(read_vectors(sent), numbers)
