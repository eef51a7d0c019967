"""Many customers are judged as each of them is alone: the same stage and rule, the same days to the last bit."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lifecycle.arithmetic import MANY, ONE, Rows
from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES, features
from app.lifecycle.measures import HALF_LIVES_DAYS, NUMERIC
from app.lifecycle.stage_arrays import (
    RULES,
    STAGES,
    Rhythms,
    judge_stages,
    measure_rhythms,
    presume_actives,
    presume_risks,
)
from app.lifecycle.stages import (
    STAGE_OF,
    Judgement,
    Rhythm,
    StagePolicy,
    ask_rules,
    judge_stage,
    measure_rhythm,
    presume_active,
    presume_risk,
)

AT = {name: index for index, name in enumerate(FEATURE_NAMES)}
MEASURE = {measure.name: index for index, measure in enumerate(NUMERIC)}
POLICY = StagePolicy()
AS_OF_US = 20_000 * DAY_US
LIVES = {"weekly": (7, 0.2), "monthly": (30, 0.4), "yearly": (365, 0.02), "now and then": (80, 1.0)}

numbers = st.floats(0, 3000)


@given(st.lists(st.tuples(numbers, numbers, st.booleans()), min_size=1, max_size=20))
def test_either_arithmetic_says_the_same_to_the_last_bit(drawn):
    """Of one number and of many, and of those alone who are asked."""
    left, right, asked = (np.array(column) for column in zip(*drawn, strict=True))
    edges = (15.0, 60.0, 900.0)

    def is_odd(row, number, of):
        return of.take(edges, of.place(edges[:-1], number)) + row[1] > row[0]

    many = [
        MANY.larger(left, right),
        MANY.where(asked, left, right),
        MANY.sqrt(left),
        MANY.exp2(-left),
        MANY.expm1(-left),
        MANY.among(asked, is_odd, Rows(np.column_stack([left, right])), left, MANY),
    ]
    for at, (one, other, is_asked) in enumerate(drawn):
        assert [column[at] for column in many] == [
            ONE.larger(one, other),
            ONE.where(is_asked, one, other),
            ONE.sqrt(one),
            ONE.exp2(-one),
            ONE.expm1(-one),
            ONE.among(is_asked, is_odd, [one, other], one, ONE),
        ]


def judge_each(rows, churn_risk, policy, usual_days):
    """One after the other, as at the till; a rhythm where there are orders, a risk where it is a number.

    Days that come out as no number are not known.
    """
    judged = []
    for row, risk in zip(rows.tolist(), churn_risk.tolist(), strict=True):
        rhythm = measure_rhythm(row, policy, usual_days) if row[AT["orders"]] else None
        alone = judge_stage(row, rhythm, None if isnan(risk) else risk, policy)
        is_known = alone.held_days is not None and not isnan(alone.held_days)
        judged.append((rhythm, alone if is_known else alone._replace(held_days=None)))
    return judged


def as_judgements(judged):
    """What `judge_stages` says, in the words of `judge_stage`."""
    return [
        Judgement(STAGES[stage], RULES[rule], None if isnan(held) else held)
        for stage, rule, held in zip(*(column.tolist() for column in judged), strict=True)
    ]


def assert_same(rows, churn_risk, policy=POLICY, usual_days=45.0):
    """Returns the judgements, and the rhythms of those who bought."""
    singly = judge_each(rows, churn_risk, policy, usual_days)
    rhythms = measure_rhythms(rows, policy, usual_days)
    assert as_judgements(judge_stages(rows, rhythms, churn_risk, policy)) == [each for _, each in singly]
    for at, (rhythm, _) in enumerate(singly):
        if rhythm is not None:
            found = np.array([column[at] for column in rhythms], np.float64)
            np.testing.assert_array_equal(found, np.array(rhythm, np.float64))
    return [each for _, each in singly], [rhythm for rhythm, _ in singly if rhythm is not None]


def order_days(rng, kind):
    """Days ago of the orders of a life: it begins, may slow down, may pause, and ends."""
    gap, spread = LIVES[kind]
    gaps = gap * rng.gamma(1 / spread**2, spread**2, rng.integers(1, 60 if gap < 60 else 8))
    if rng.random() < 0.2:
        gaps[: rng.integers(1, len(gaps) + 1)] *= 4
    if rng.random() < 0.15:
        gaps[0] += rng.uniform(150, 500)
    return rng.exponential(1.5 * gap) + np.concatenate(([0.0], np.cumsum(gaps[:-1])))


def state_of(days):
    """The state vector of orders so many days ago; of none, of someone first seen some days ago or never."""
    state = dict.fromkeys(MEASURE, 0.0) | dict.fromkeys((name for name in MEASURE if name.endswith("_us")), nan)
    if len(days):
        times = AS_OF_US - days * DAY_US
        turns = times / (365.25 * DAY_US) * 2 * np.pi
        state |= {"orders": len(days), "season_cos": np.cos(turns).sum(), "season_sin": np.sin(turns).sum()}
        state |= dict.fromkeys(("first_order_us", "first_event_us"), times[-1])
        state |= dict.fromkeys(("last_order_us", "last_event_us"), times[0])
        state["second_last_order_us"] = times[1] if len(times) > 1 else nan
        for half_life in HALF_LIVES_DAYS:
            state[f"orders_decayed_{half_life}d"] = np.exp2(-(days - days[0]) / half_life).sum()
    return [state[name] for name in MEASURE]


@pytest.fixture(scope="module")
def population():
    """Feature rows of 6,000 lives, every twelfth of someone who never bought."""
    rng = np.random.default_rng(4)
    lives = [order_days(rng, kind) if number % 12 else () for number in range(1500) for kind in LIVES]
    states = np.array([state_of(days) for days in lives])
    states[::24, MEASURE["first_event_us"]] = AS_OF_US - 40 * DAY_US
    rows = features(states, float(AS_OF_US))
    assert (rows[:, AT["orders"]] == 0).sum() == 500
    return rows


@pytest.fixture(params=["of rules", "of a model"])
def churn_risk(request, population):
    """(n,): NaN of who never bought."""
    if request.param == "of rules":
        risk = presume_risks(measure_rhythms(population, POLICY, 45.0), 90)
    else:
        risk = np.random.default_rng(5).beta(1, 1, len(population))
    return np.where(population[:, AT["orders"]] > 0, risk, nan)


def test_a_population_is_judged_as_its_customers_are(population, churn_risk):
    judged, rhythms = assert_same(population, churn_risk)
    counts = {rule: sum(each.rule == rule for each in judged) for rule in RULES}
    assert min(counts.values()) >= 3, counts
    assert {each.rule: each.stage for each in judged} == STAGE_OF
    assert sum(rhythm.is_seasonal for rhythm in rhythms) > 100
    assert sum(rhythm.is_reactivated for rhythm in rhythms) > 100


def test_another_policy_counts_for_many_as_for_one(population):
    risk = np.linspace(0, 1, len(population))
    usual, _ = assert_same(population, risk)
    policy = StagePolicy(
        rhythm_weight=3,
        early_silence=4,
        fading_gaps=40,
        fading_rate=0.9,
        seasonal_share=0.4,
        lost_days=200,
        at_risk=0.6,
    )
    other, _ = assert_same(population, risk, policy, usual_days=12.0)
    assert usual != other


def test_presumed_risks_are_those_of_single_customers(population):
    rhythms = measure_rhythms(population, POLICY, 45.0)
    active, risk = presume_actives(rhythms), presume_risks(rhythms, 90)
    for at in np.flatnonzero(population[:, AT["orders"]]):
        rhythm = Rhythm(*(column[at] for column in rhythms))
        assert active[at] == presume_active(rhythm)
        assert risk[at] == presume_risk(rhythm, 90)


def test_rules_are_asked_in_the_order_of_the_table_and_the_last_one_always_holds(population):
    rhythms, risk = measure_rhythms(population, POLICY, 45.0), np.full(len(population), 0.5)
    of_many = list(ask_rules(Rows(population), rhythms, risk, POLICY, MANY))
    of_one = list(
        ask_rules(population[1].tolist(), Rhythm(*(column[1].item() for column in rhythms)), 0.5, POLICY, ONE)
    )
    for asked in (of_many, of_one):
        assert [rule for rule, _, _ in asked] == list(STAGE_OF)
        assert asked[-1][1] is True


def test_nobody_is_judged():
    rows = np.empty((0, len(FEATURE_NAMES)))
    rhythms = measure_rhythms(rows, POLICY, 45.0)
    assert [len(column) for column in judge_stages(rows, rhythms, np.empty(0), POLICY)] == [0, 0, 0]


EDGES_DAYS = (0.0, 1.0, 30.0, 45.0, 90.0, 180.0, 300.0, 365.0, 365.25, 425.25, 730.5, 790.5)
days = st.sampled_from(EDGES_DAYS) | st.floats(0, 3000)
shares = st.sampled_from((0.0, 0.7, 1.0)) | st.floats(-1, 1)
counts = st.sampled_from((1.0, 2.0, 3.0, 5.0, 6.0)) | st.integers(1, 400).map(float)
risks = st.sampled_from((0.0, 0.4, 0.55, 0.8, 0.9, 1.0, nan)) | st.floats(0, 1)
unknown = st.just(nan)


@st.composite
def customers(draw):
    """A feature row and a risk, on the thresholds more often than not; any of it may be unknown.

    The last gap is within the span from the first order to the last, as in any history.
    """
    row = np.full(len(FEATURE_NAMES), nan)
    row[AT["known_days"]] = draw(days | unknown)
    row[AT["orders"]] = orders = draw(st.just(0.0) | counts)
    if not orders:
        return row, draw(risks)
    row[AT["recency_days"]] = recency = draw(days | unknown)
    row[AT["tenure_days"]] = (span := draw(days | unknown)) + (0.0 if isnan(recency) else recency)
    row[AT["last_gap_days"]] = min(draw(days | unknown), inf if isnan(span) else span) if orders > 1 else nan
    row[AT["season_same"]], row[AT["season_ahead"]] = draw(shares | unknown), draw(shares | unknown)
    for half_life in HALF_LIVES_DAYS:
        row[AT[f"orders_decayed_{half_life}d"]] = draw(st.floats(0, 400) | unknown)
    return row, draw(risks)


@settings(max_examples=300)
@given(st.lists(customers(), min_size=1, max_size=12), st.sampled_from((8.0, 45.0, 150.0)))
def test_whoever_they_are_they_are_judged_as_alone(drawn, usual_days):
    rows, churn_risk = np.array([row for row, _ in drawn]), np.array([risk for _, risk in drawn])
    assert_same(rows, churn_risk, usual_days=usual_days)


class TestThresholdsOfARhythm:
    """At the threshold to the bit, where a rounding of its own would tell the two apart."""

    @pytest.mark.parametrize("silence", [1.0, 2.0, 2.5, 3.0, 6.0])
    @pytest.mark.parametrize("orders", [2.0, 3.0, 6.0, 40.0])
    def test_silence_at_a_threshold(self, silence, orders):
        paces = np.random.default_rng(6).uniform(3, 400, 200)
        rows = np.full((len(paces), len(FEATURE_NAMES)), 1.0)
        rows[:, AT["orders"]], rows[:, AT["recency_days"]] = orders, silence * paces
        rows[:, AT["tenure_days"]] = 800.0
        never = np.zeros(len(paces), np.bool_)
        rhythms = Rhythms(paces, rows[:, AT["recency_days"]] / paces, never, never)
        for risk in (0.1, 0.5, 0.85, 0.95):
            judged = as_judgements(judge_stages(rows, rhythms, np.full(len(paces), risk), POLICY))
            for at, row in enumerate(rows.tolist()):
                rhythm = Rhythm(*(column[at].item() for column in rhythms))
                assert judged[at] == judge_stage(row, rhythm, risk, POLICY)
