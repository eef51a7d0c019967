"""Conditions of eligibility: what may be written, what it says, and what it comes to where something is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.condition_tests import know
from app.lifecycle.conditions import MOST_DEEP, MOST_PARTS, Condition, Requirement, clauses_of, facts_in
from app.lifecycle.decisions import choose, suppression
from app.lifecycle.events import DAY_US
from app.lifecycle.facts import FACTS, is_protected, measure_fact
from app.lifecycle.measures import EMPTY
from tests.lifecycle.deciding import NOW_US, POLICY, STANDING, WISH, make_action

CONDITION = TypeAdapter(Condition)
RISK = {"fact": "score.churn_risk", "at_least": 0.5}
TIER = {"fact": "state.latest_tier", "one_of": ["gold", "black"]}
RAIN = {"fact": "context.weather", "equals": "rain"}
NOBODY = know("growing", {}, {}, {})


SOMEBODY = know(
    "growing",
    {"email": True},
    {"score.churn_risk": 0.6, "state.latest_tier": "gold"},
    {"weather": "rain", "lane": 7},
    {"survey": {"email": False, "sms": True}, "receipts": {"*": True}},
)


def told(**context):
    """By nobody but the request."""
    return know("growing", {}, {}, context)


def holds(condition, known=SOMEBODY):
    return CONDITION.validate_python(condition).compile()(known)


TRUTHS = [
    (RISK, True),
    ({"fact": "score.churn_risk", "at_least": 0.6}, True),
    ({"fact": "score.churn_risk", "above": 0.6}, False),
    ({"fact": "score.churn_risk", "at_most": 0.6}, True),
    ({"fact": "score.churn_risk", "below": 0.6}, False),
    (TIER, True),
    ({"fact": "state.latest_tier", "equals": "silver"}, False),
    (RAIN, True),
    ({"fact": "context.lane", "at_least": 7}, True),
    ({"fact": "context.lane", "equals": "7"}, None),
    ({"fact": "context.weather", "at_least": 1}, None),
    ({"stage": ["growing", "mature"]}, True),
    ({"stage": ["lost"]}, False),
    ({"consent": "email"}, True),
    ({"consent": "sms"}, None),
    ({"consent": "email", "purpose": "marketing"}, True),
    ({"consent": "email", "purpose": "survey"}, False),
    ({"consent": "sms", "purpose": "survey"}, True),
    ({"consent": "push", "purpose": "survey"}, None),
    ({"consent": "push", "purpose": "receipts"}, True),
    ({"consent": "email", "purpose": "care"}, None),
    ({"all_of": [RISK, TIER]}, True),
    ({"all_of": [RISK, {"stage": ["lost"]}]}, False),
    ({"any_of": [{"stage": ["lost"]}, TIER]}, True),
    ({"not": {"stage": ["lost"]}}, True),
    ({"not": RISK}, False),
]


@pytest.mark.parametrize(("condition", "truth"), TRUTHS, ids=map(str, range(len(TRUTHS))))
def test_what_a_condition_comes_to(condition, truth):
    assert holds(condition) is truth


UNKNOWN = [RISK, TIER, RAIN, {"consent": "email"}, {"consent": "email", "purpose": "survey"}]


@pytest.mark.parametrize("condition", [*UNKNOWN, {"fact": "context.x", "equals": True}])
def test_what_is_not_known_satisfies_nothing_nor_does_its_contrary(condition):
    assert holds(condition, NOBODY) is None
    assert holds({"not": condition}, NOBODY) is None
    assert holds({"all_of": [{"stage": ["growing"]}, condition]}, NOBODY) is None
    assert holds({"all_of": [{"stage": ["lost"]}, condition]}, NOBODY) is False, "settled by what is known"
    assert holds({"any_of": [{"stage": ["growing"]}, condition]}, NOBODY) is True
    assert holds({"any_of": [{"stage": ["lost"]}, condition]}, NOBODY) is None


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_whatever_a_request_says_nothing_breaks(value):
    known = told(x=value)
    for compared in ({"at_least": 1}, {"equals": "a"}, {"equals": True}, {"one_of": ["a", 1]}):
        assert holds({"fact": "context.x", **compared}, known) in (True, False, None)


def test_true_is_no_number():
    assert holds({"fact": "context.x", "at_least": 1}, told(x=True)) is None
    assert holds({"fact": "context.x", "equals": 1}, told(x=True)) is None


NONSENSE = {
    "nothing": {},
    "an unknown fact": {"fact": "score.luck", "at_least": 1},
    "no comparison": {"fact": "score.churn_risk"},
    "two comparisons": {"fact": "score.churn_risk", "at_least": 0.1, "below": 0.2},
    "a number beside a text": {"fact": "score.churn_risk", "equals": "high"},
    "a text beside a number": {"fact": "state.latest_tier", "equals": 3},
    "a text in an order": {"fact": "state.latest_tier", "at_least": 3},
    "a flag of text": {"fact": "customer.has_birthday", "equals": "yes"},
    "a tier that is none": {"fact": "score.value_tier", "equals": "platinum"},
    "an unknown stage": {"stage": ["asleep"]},
    "an unknown channel": {"consent": "pigeon"},
    "a purpose of every action": {"consent": "email", "purpose": "profiling"},
    "no parts": {"all_of": []},
    "a member too many": {"stage": ["new"], "and": 1},
    "a segment": {"segment": "vip"},
    "a list": [RISK],
}


@pytest.mark.parametrize("condition", NONSENSE.values(), ids=NONSENSE)
def test_a_condition_that_makes_no_sense_is_refused(condition):
    with pytest.raises(ValidationError):
        CONDITION.validate_python(condition)


def test_that_there_are_no_segments_is_said_clearly():
    with pytest.raises(ValidationError, match="there are no segments yet"):
        CONDITION.validate_python({"segment": "vip"})


@pytest.mark.parametrize(
    "name",
    [
        "gender",
        "Gender",
        "customer_gender",
        "customerSex",
        "is-pregnant",
        "healthStatus",
        "religion2",
        "ethnic.group",
        "age",
        "skinColor",
        "会员性别",
        "民族",
        "birthday",
    ],
)
def test_protected_attributes_are_no_conditions(name):
    assert is_protected(name)
    with pytest.raises(ValidationError, match="protected"):
        CONDITION.validate_python({"fact": f"context.{name}", "equals": "x"})


@pytest.mark.parametrize(
    "name", ["weather", "page", "basket_total", "lane", "usage", "message", "essex", "campaign", "品类"]
)
def test_other_names_are(name):
    assert not is_protected(name)
    assert CONDITION.validate_python({"fact": f"context.{name}", "equals": "x"})


def nested(levels):
    return RISK if levels == 1 else {"not": nested(levels - 1)}


def test_a_condition_has_bounds():
    assert make_action(eligibility=nested(MOST_DEEP))
    with pytest.raises(ValidationError, match="levels"):
        make_action(eligibility=nested(MOST_DEEP + 1))
    many = {"all_of": [{"any_of": [RISK] * 29}] * 2}
    assert make_action(eligibility={"all_of": [{"any_of": [RISK] * 28}, {"any_of": [RISK] * 28}]})
    with pytest.raises(ValidationError, match="parts"):
        make_action(eligibility={"all_of": [many, many]})
    assert MOST_PARTS == 60


WORDS = [
    (RISK, "Churn risk is at least 0.5", "流失风险不少于0.5"),
    (TIER, "Membership tier is gold or black", "会员等级为gold或black"),
    ({"fact": "state.last_order_days", "below": 7}, "Days since the last order is below 7", "距最近订单天数少于7"),
    ({"fact": "state.points", "at_least": 1000000}, "Points is at least 1,000,000 points", "积分不少于1,000,000分"),
    ({"fact": "customer.has_birthday", "equals": True}, "It is the customer's birthday", "今天是顾客生日"),
    ({"consent": "email"}, "Consent to email", "同意通过email接收营销"),
    ({"consent": "email", "purpose": "survey"}, "Consent to survey on email", "同意通过email接收“survey”"),
    (
        {"all_of": [{"stage": ["new"]}, {"any_of": [RISK, {"not": RAIN}]}]},
        "Stage is new and (Churn risk is at least 0.5 or not (The request's weather is rain))",
        "所处阶段为新客，且（流失风险不少于0.5，或并非（请求中的weather为rain））",
    ),
]


@pytest.mark.parametrize(("condition", "en", "zh"), WORDS)
def test_a_condition_in_words(condition, en, zh):
    told = CONDITION.validate_python(condition)
    assert (told.say("en"), told.say("zh")) == (en, zh)


@pytest.mark.parametrize("condition", [*(each for each, _ in TRUTHS), *(each for each, *_ in WORDS)])
def test_a_condition_is_told_back_as_it_was_told(condition):
    action = make_action(eligibility=condition)
    assert action.model_dump(mode="json")["eligibility"] == condition
    assert type(action).model_validate_json(action.model_dump_json(), strict=True) == action


def test_the_first_condition_that_does_not_hold_is_named():
    clauses = clauses_of(CONDITION.validate_python({"all_of": [RISK, {"stage": ["lost"]}, TIER]}))
    stage, risk = clauses[1], clauses[0]
    assert Requirement(clauses).first_failing(SOMEBODY) == (stage, True)
    assert stage.en == "Stage is lost"
    assert Requirement(clauses).first_failing(NOBODY) == (risk, False)
    assert Requirement(clauses_of(CONDITION.validate_python({"all_of": [RISK, TIER]}))).first_failing(SOMEBODY) is None


def test_what_several_actions_ask_is_looked_at_once_a_decision(monkeypatch):
    asked = []
    first_failing = Requirement.first_failing

    def look(requirement, known):
        asked.append(requirement)
        return first_failing(requirement, known)

    monkeypatch.setattr(Requirement, "first_failing", look)
    conditions = {"one": RISK, "same": RISK, "other": {**RISK, "at_least": 0.3}}
    catalogue = ActionCatalogue([make_action(name, eligibility=each) for name, each in conditions.items()])
    leaving = STANDING._replace(facts={"score.churn_risk": 0.4})
    choice = choose(catalogue, leaving, WISH, POLICY, now_us=NOW_US, seed="D-1")
    assert choice.suppressed == [("one", "condition_failed"), ("same", "condition_failed")]
    assert len(asked) == 1, "nor is asked why of what holds"


def test_true_and_one_are_not_asked_the_same():
    conditions = {"flag": {"fact": "context.x", "equals": True}, "number": {"fact": "context.x", "equals": 1}}
    catalogue = ActionCatalogue([make_action(name, eligibility=each) for name, each in conditions.items()])
    wanted = WISH._replace(context={"x": True})
    choice = choose(catalogue, STANDING, wanted, POLICY, now_us=NOW_US, seed="D-1")
    assert choice.suppressed == [("number", "condition_unknown")]


@pytest.mark.parametrize(
    ("value", "truth"), [("a", True), ("b", None), (1.0, True), (2, None), (True, True), (False, None)]
)
def test_one_of_several_kinds(value, truth):
    """A value that is none of those of its kind is not known to be none of the others."""
    condition = {"fact": "context.x", "one_of": ["a", 1, True]}
    assert holds(condition, told(x=value)) is truth
    assert holds({**condition, "one_of": ["c", "d"]}, told(x="b")) is False


def test_an_action_is_for_those_whom_its_condition_means():
    action = make_action(eligibility={"all_of": [RISK, RAIN]})
    wet = WISH._replace(context={"weather": "rain"})
    leaving = STANDING._replace(facts={"score.churn_risk": 0.6})
    assert suppression(action, leaving, wet, NOW_US) is None
    assert suppression(action, leaving, WISH, NOW_US) == "condition_unknown"
    assert suppression(action, STANDING, wet, NOW_US) == "condition_unknown"
    assert suppression(action, STANDING._replace(facts={"score.churn_risk": 0.4}), wet, NOW_US) == "condition_failed"


def test_the_facts_that_a_condition_reads():
    told = CONDITION.validate_python({"all_of": [RISK, {"not": {"any_of": [TIER, RAIN, {"stage": ["new"]}]}}]})
    assert facts_in(told) == {"score.churn_risk", "state.latest_tier"}


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_every_fact_has_words_and_a_unit_where_it_is_a_number(fact):
    assert fact.en
    assert fact.zh
    assert not fact.zh.isascii()
    assert bool(fact.unit) is (fact.kind == "number")
    assert not is_protected(fact.name) or fact.name == "customer.has_birthday"


def test_times_are_told_in_days_and_decayed_sums_as_what_is_left():
    numbers = {**EMPTY, "orders": 3, "order_days": 2, "last_order_us": NOW_US - 3 * DAY_US}
    numbers |= {"last_event_us": NOW_US - 30 * DAY_US, "orders_decayed_30d": 2.0}
    assert measure_fact("state.orders", numbers, NOW_US) == 3
    assert measure_fact("state.last_order_days", numbers, NOW_US) == 3.0
    assert measure_fact("state.orders_decayed_30d", numbers, NOW_US) == pytest.approx(1.0)
    assert measure_fact("state.last_refund_days", numbers, NOW_US) is None
