"""Tests of two sides: who is of which, what a side does to a decision, and what both say at the end."""

from math import sqrt

import numpy as np
import pytest
from pydantic import ValidationError

from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.arms import Arms
from app.lifecycle.decisions import CustomerContext, DecisionOptions, Policy, choose
from app.lifecycle.sequences import least_sample, least_samples
from app.lifecycle.split_readings import NOBODY, SideSums, read_sides
from app.lifecycle.split_tests import Side, SplitTest, Treatment
from tests.decisions.acting import action_of

PERSONS = [f"C-{number}" for number in range(20_000)]
A, B = Side(action_id="coupon"), Side(action_id="gift")
CUSTOMER = CustomerContext("C-1", "growing", 0.5, 100.0, False, {}, {})
POLICY = Policy(0.0, 0.0, 0.25)


def split_test(test_id="tea", **more):
    return SplitTest(test_id, A, B, 100, 200, **{"secret": b"key", **more})


def sides(test):
    return np.array([test.side_of(person) or "" for person in PERSONS])


def test_sides_have_their_shares_and_depend_neither_on_the_arm_nor_on_each_other():
    one, other = sides(split_test(split=0.3)), sides(split_test("coffee", split=0.5))
    arm = np.array([Arms(0.3, 0.1, b"key").of(person) for person in PERSONS])
    assert (one == "b").mean() == pytest.approx(0.3, abs=0.015)
    for part in (arm == "control", arm == "learner", other == "a", other == "b"):
        assert (one[part] == "b").mean() == pytest.approx(0.3, abs=0.025)


def test_a_share_that_grows_moves_nobody_to_the_other_side():
    few, many = sides(split_test(share=0.2)), sides(split_test(share=0.7))
    assert (few != "").mean() == pytest.approx(0.2, abs=0.015)
    assert (many[few != ""] == few[few != ""]).all()


def test_the_key_decides():
    assert (sides(split_test()) != sides(split_test(secret=b"another"))).mean() == pytest.approx(0.5, abs=0.02)


def test_it_runs_for_its_time_and_on_its_channels():
    test = split_test(channels={"web"})
    assert [test.runs("web", at) for at in (99, 100, 199, 200)] == [False, True, True, False]
    assert not test.runs("store", 150)
    assert split_test().runs("store", 150)


@pytest.mark.parametrize("more", [{"policy": "v1"}, {"factors": {"gift": 2}}, {"exploration": 0.1}])
def test_a_side_is_an_action_or_a_policy(more):
    with pytest.raises(ValidationError, match="not both"):
        Side(action_id="coupon", **more)


def decide(treatment, *, places=1, customer=CUSTOMER, **more):
    worths = {"coupon": 0.2, "gift": 0.3, "other": 0.9, **more}
    actions = [Action.model_validate(action_of(name, effect=worth)) for name, worth in worths.items()]
    told = customer._replace(treatment=treatment)
    options = DecisionOptions("store", places)
    return choose(ActionCatalogue(actions), told, options, POLICY, now_us=10**15, seed="d")


def chosen(choice):
    return [item.action.action_id for item in choice.chosen]


@pytest.mark.parametrize(("gives", "never"), [("coupon", "gift"), ("gift", "coupon")])
def test_a_side_has_its_action_first_and_never_that_of_the_other(gives, never):
    choice = decide(Treatment("tea", "a", gives, never), places=3)
    assert chosen(choice) == [gives, "other"]
    assert choice.chosen[0].selection_probability == 1.0
    assert choice.suppressed == [(never, "other_side")]
    assert choice.worths == decide(None).worths


@pytest.mark.parametrize("excluded", ["coupon", "gift"])
def test_where_only_one_of_both_might_be_had_the_test_puts_none_first(excluded):
    treatment, options = Treatment("tea", "a", "coupon", "gift"), DecisionOptions("store", 1, {excluded})
    actions = [Action.model_validate(action_of(name)) for name in ("coupon", "gift", "other")]
    told = CUSTOMER._replace(treatment=treatment)
    choice = choose(ActionCatalogue(actions[:2]), told, options, POLICY, now_us=10**15, seed="d")
    assert chosen(choice) == ([] if excluded == "coupon" else ["coupon"])
    choice = choose(ActionCatalogue(actions), told, options, POLICY, now_us=10**15, seed="d")
    assert "gift" not in chosen(choice)


def test_a_complaint_comes_before_a_test():
    unhappy = CUSTOMER._replace(complaint_resolved_us=10**15 - 1)
    actions = [Action.model_validate(action_of(name)) for name in ("coupon", "gift")]
    actions.append(Action.model_validate(action_of("sorry", complaint="resolved", effect=0.01)))
    told = unhappy._replace(treatment=Treatment("tea", "a", "coupon", "gift"))
    options = DecisionOptions("store", 2)
    choice = choose(ActionCatalogue(actions), told, options, POLICY, now_us=10**15, seed="d")
    assert chosen(choice) == ["sorry", "coupon"]


def test_the_control_group_goes_without_what_its_side_would_have_had():
    choice = decide(Treatment("tea", "b", "gift", "coupon"), customer=CUSTOMER._replace(arm="control"))
    assert [item.action.action_id for item in choice.withheld] == ["gift"]
    assert dict(choice.suppressed) == dict.fromkeys(("coupon", "gift", "other"), "control_group")


def test_factors_multiply_what_actions_are_worth():
    usual, turned = decide(None), decide(Treatment("tea", "b", factors={"coupon": 10.0, "other": 0.0}))
    assert (chosen(usual), chosen(turned)) == (["other"], ["coupon"])
    assert turned.worths["coupon"] == 10 * usual.worths["coupon"]
    assert ("other", "no_gain") in turned.suppressed


def sums_of(bought, value, before, past):
    return SideSums(
        len(value),
        len(value),
        len(value),
        int(bought.sum()),
        float(value.sum()),
        float((value**2).sum()),
        float(past.sum()),
        float((past**2).sum()),
        float((past * value).sum()),
        int(before.sum()),
        int((before & bought).sum()),
    )


def draw_side(draw, count, more=0.0):
    past = draw.gamma(2.0, 5.0, count) * (draw.random(count) < 0.5)
    value = 0.8 * past + draw.gamma(2.0, 3.0, count) + more
    return (value > 8.0 - more), value, past > 0, past


def test_the_past_takes_chance_out_of_the_difference():
    """By hand: y − θ x of all rows, θ the pooled slope within the sides."""
    draw = np.random.default_rng(3)
    a, b = draw_side(draw, 500), draw_side(draw, 700, more=1.0)
    reading = read_sides(sums_of(*a), sums_of(*b), "value", 1.0, 0.5)
    x, y = ([side[at] - side[at].mean() for side in (a, b)] for at in (3, 1))
    slope = sum(float(p @ q) for p, q in zip(x, y, strict=True)) / sum(float(p @ p) for p in x)
    left = [side[1] - slope * side[3] for side in (a, b)]
    error = sqrt(sum(float(each.var(ddof=1)) / len(each) for each in left))
    adjusted = reading.adjusted
    assert adjusted is not None
    assert adjusted.estimate == pytest.approx(float(left[1].mean() - left[0].mean()))
    assert adjusted.high - adjusted.estimate == pytest.approx(1.959963984540054 * error)
    assert reading.fixed is not None
    assert adjusted.high - adjusted.low < 0.7 * (reading.fixed.high - reading.fixed.low)


def test_who_bought_is_read_as_shares():
    draw = np.random.default_rng(4)
    a, b = draw_side(draw, 900), draw_side(draw, 900, more=1.0)
    reading = read_sides(sums_of(*a), sums_of(*b), "bought", 0.1, 0.5)
    difference = float(b[0].mean() - a[0].mean())
    assert reading.fixed is not None
    assert reading.fixed.estimate == pytest.approx(difference)
    assert reading.any_time is not None
    assert reading.any_time.difference == pytest.approx(difference)
    assert reading.any_time.high - reading.any_time.low > reading.fixed.high - reading.fixed.low


@pytest.mark.parametrize(("persons", "is_mismatched"), [((500, 500), False), ((560, 440), True), ((3, 1), False)])
def test_sides_of_other_sizes_than_were_meant_are_told(persons, is_mismatched):
    a, b = (NOBODY._replace(persons=count) for count in persons)
    assert read_sides(a, b, "bought", 0.1, 0.5).is_mismatched is is_mismatched


def test_of_nobody_nothing_is_said():
    assert read_sides(NOBODY, NOBODY, "value", 0.1, 0.5) == (None, None, None, None)


def test_a_smaller_side_needs_more_of_the_other():
    assert least_samples(0.5, 0.05, 0.5) == (least_sample(0.5, 0.05),) * 2
    a, b = least_samples(0.5, 0.05, 0.1)
    assert a == pytest.approx(9 * b, rel=0.01)
    errors = [0.25 / a + 0.25 / b, 2 * 0.25 / least_sample(0.5, 0.05)]
    assert errors[0] == pytest.approx(errors[1], rel=0.01)
