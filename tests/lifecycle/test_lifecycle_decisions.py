"""Decisions: who may be asked, and what it is worth."""

from typing import get_args

import pytest

from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.contact_gate import SPENT_CODES, Contact, ContactRules
from app.lifecycle.contact_policy import Cap, ContactPolicy
from app.lifecycle.decisions import (
    DecisionOptions,
    expected_value,
    open_gate,
    suppression,
)
from app.lifecycle.events import DAY_US
from app.lifecycle.looks import SuppressionCode
from app.lifecycle.split_tests import Treatment
from tests.lifecycle.deciding import HOUR_US, NOW_US, POLICY, STANDING, UNHAPPY, WISH, choose_for, make_action


def found(catalogue, stage, channel):
    return [action for *_, action in catalogue.find(stage, channel).standings]


def test_actions_of_one_decision_keep_the_caps_together():
    customer, wanted = STANDING._replace(consents={"email": True}), DecisionOptions("email", 9)
    rules = ContactRules(ContactPolicy(caps=(Cap(scope="all", most=2, window_days=7),)))
    actions = [make_action(name, effect=effect) for name, effect in (("a", 0.3), ("b", 0.2), ("c", 0.1))]
    contacts = [Contact("another", "offer", "sms", NOW_US - 1)]
    gate = open_gate(customer, wanted, NOW_US, rules, contacts=contacts)
    choice = choose_for(actions, customer, wanted, gate=gate)
    assert [chosen.action.action_id for chosen in choice.chosen] == ["a"]
    assert choice.suppressed == [("b", "cap_reached"), ("c", "cap_reached")]


# Eligibility.

SUPPRESSIONS = {
    "excluded": (make_action(), STANDING, DecisionOptions("store", 3, exclude=("offer",))),
    "no_open_complaint": (make_action(complaint="open"), STANDING, WISH),
    "no_resolved_complaint": (make_action(complaint="resolved"), STANDING, WISH),
    "open_complaint": (make_action(), UNHAPPY, WISH),
    "risk_too_low": (make_action(min_risk=0.5), STANDING, WISH),
    "value_too_low": (make_action(min_value=501), STANDING, WISH),
    "staff": (make_action(), STANDING._replace(facts={"is_staff": True}), WISH),
    "minor": (make_action(), STANDING._replace(facts={"is_minor": True}), WISH),
    "just_refunded": (make_action(), STANDING._replace(facts={"state.last_refund_days": 0.9}), WISH),
    "just_bought": (make_action(group="survey"), STANDING._replace(facts={"state.last_order_days": 0.9}), WISH),
    "condition_unknown": (make_action(eligibility={"fact": "state.orders", "above": 3}), STANDING, WISH),
    "condition_failed": (make_action(eligibility={"stage": ["lost"]}), STANDING, WISH),
    "no_consent": (make_action(), STANDING, DecisionOptions("email", 3)),
    "profiling_opt_out": (make_action(), STANDING._replace(refuses_profiling=True), WISH),
    "bad_csat": (make_action(), STANDING._replace(csat=2.0, csat_us=NOW_US - DAY_US), WISH),
    "quiet_hours": (
        make_action(channels=("sms",)),
        STANDING._replace(consents={"sms": True}),
        DecisionOptions("sms", 3, deliver_us=NOW_US + 23 * HOUR_US),
    ),
    "cap_reached": (make_action(), STANDING._replace(consents={"email": True}), DecisionOptions("email", 3)),
    "budget_spent": (make_action(), STANDING, WISH),
    "action_cap_reached": (make_action(), STANDING, WISH),
    "counter_busy": (make_action(), STANDING, WISH),
    "cooling_down": (make_action(), STANDING._replace(offered_us={"offer": NOW_US - DAY_US}), WISH),
    "no_gain": (make_action(cost=1000), STANDING, WISH),
    "items_unseen": (make_action(), STANDING._replace(unseen={"offer"}), WISH),
    "no_items": (make_action(), STANDING._replace(lacking={"offer"}), WISH),
    "control_group": (make_action(), STANDING._replace(arm="control"), WISH),
    "other_side": (make_action(), STANDING._replace(treatment=Treatment("t", "a", "other", "offer")), WISH),
}


@pytest.mark.parametrize("code", get_args(SuppressionCode))
def test_every_reason_to_suppress_is_reached(code):
    action, customer, wanted = SUPPRESSIONS[code]
    contacts = [Contact("another", "offer", "email", NOW_US - 1)] * 3 if code == "cap_reached" else []
    spent = {"offer": code} if code in SPENT_CODES else {}
    gate = open_gate(customer, wanted, NOW_US, spent=spent, contacts=contacts)
    choice = choose_for([action], customer, wanted, gate=gate)
    assert choice.suppressed == [("offer", code)]
    assert choice.chosen == []
    assert choice.in_control_group is (code == "control_group")


def test_actions_are_found_by_stage_and_channel_unless_disabled():
    here, elsewhere = make_action("here"), make_action("elsewhere", channels=("web",))
    later, off = make_action("later", stages=("lost", "mature")), make_action("off", enabled=False)
    catalogue = ActionCatalogue([here, elsewhere, later, off])
    assert found(catalogue, "growing", "store") == [here]
    assert found(catalogue, "mature", "email") == [later]
    assert found(catalogue, "new", "store") == []
    assert catalogue.actions == (here, elsewhere, later, off)
    choice = choose_for([elsewhere, later, off])
    assert (choice.chosen, choice.suppressed) == ([], [])


def test_a_catalogue_is_named_by_its_content():
    one, other = make_action("one"), make_action("other")
    digests = {
        ActionCatalogue(each).digest for each in ([one, other], [one], [other], [], [make_action("one", cost=1)])
    }
    assert len(digests) == 5
    assert ActionCatalogue([one, other]).digest in digests


@pytest.mark.parametrize(
    ("complaint", "to_the_unhappy", "to_the_content"),
    [
        ("any", None, None),
        ("open", None, "no_open_complaint"),
        ("resolved", "no_resolved_complaint", "no_resolved_complaint"),
        ("none", "open_complaint", None),
    ],
)
def test_an_open_complaint_decides_what_is_offered(complaint, to_the_unhappy, to_the_content):
    action = make_action(complaint=complaint)
    assert suppression(action, UNHAPPY, WISH, NOW_US) == to_the_unhappy
    assert suppression(action, STANDING, WISH, NOW_US) == to_the_content


@pytest.mark.parametrize(
    ("age_us", "code"),
    [
        (0, None),
        (14 * DAY_US - 1, None),
        (14 * DAY_US, "no_resolved_complaint"),
        (900 * DAY_US, "no_resolved_complaint"),
    ],
)
def test_two_weeks_long_it_is_asked_whether_a_complaint_is_settled(age_us, code):
    settled = STANDING._replace(complaint_resolved_us=NOW_US - age_us)
    follow_up = make_action(complaint="resolved")
    assert suppression(follow_up, settled, WISH, NOW_US) == code
    again = settled._replace(has_open_complaint=True)
    assert suppression(follow_up, again, WISH, NOW_US) == (code or "open_complaint"), "another is open"


def test_least_risk_and_value_are_inclusive_and_an_unknown_risk_is_none():
    action = make_action(min_risk=0.4, min_value=500)
    assert suppression(action, STANDING, WISH, NOW_US) is None
    unknown = STANDING._replace(churn_risk=None)
    assert suppression(action, unknown, WISH, NOW_US) == "risk_too_low"
    assert suppression(make_action(), unknown, WISH, NOW_US) is None


@pytest.mark.parametrize(
    ("age_us", "code"),
    [
        (-DAY_US, "cooling_down"),  # another till's clock runs ahead
        (0, "cooling_down"),
        (30 * DAY_US - 1, "cooling_down"),
        (30 * DAY_US, None),
        (400 * DAY_US, None),
    ],
)
def test_an_action_cools_down_from_its_offer_until_the_last_day_is_over(age_us, code):
    customer = STANDING._replace(offered_us={"offer": NOW_US - age_us, "another": NOW_US})
    assert suppression(make_action(cool_down_days=30), customer, WISH, NOW_US) == code


def test_without_a_cool_down_an_action_may_be_offered_again_at_once():
    customer = STANDING._replace(offered_us={"offer": NOW_US})
    assert suppression(make_action(cool_down_days=0), customer, WISH, NOW_US) is None


# What an action is worth.


@pytest.mark.parametrize(
    ("aim", "risk", "worth"),
    [
        ("grow", 0.4, 0.2 * (0.1 * 500 * 0.6 * 0.25 - 3)),
        ("retain", 0.4, 0.2 * (0.1 * 500 * 0.4 * 0.25 - 3)),
        ("grow", None, 0.2 * (0.1 * 500 * 0.5 * 0.25 - 3)),
        ("retain", None, 0.2 * (0.1 * 500 * 0.5 * 0.25 - 3)),
        ("retain", 0.0, -0.6),
        ("grow", 1.0, -0.6),
    ],
)
def test_expected_value_by_hand(aim, risk, worth):
    action = make_action(aim=aim, cost=3)
    assert expected_value(action, STANDING._replace(churn_risk=risk), POLICY) == pytest.approx(worth)


@pytest.mark.parametrize(("weight", "lever"), [(2.0, 1.0), (1.0, 3.0), (0.5, 4.0), (0.0, 9.0)])
def test_what_an_action_brings_is_multiplied_by_its_weight_and_lever_and_what_it_costs_is_not(weight, lever):
    action = make_action(cost=3, weight=weight, lever=lever)
    worth = 0.2 * (0.1 * 500 * 0.6 * 0.25 * weight * lever - 3)
    assert expected_value(action, STANDING, POLICY) == pytest.approx(worth)


def test_a_copy_of_an_action_is_worth_what_it_says_itself():
    action = make_action(cost=3)
    before = choose_for([action]).worths["offer"]
    copy = action.model_copy(update={"cost": 4.0})
    assert choose_for([copy]).worths["offer"] == expected_value(copy, STANDING, POLICY) == pytest.approx(before - 0.2)


@pytest.mark.parametrize(("risk", "weight"), [(0.03, 0.6), (None, 0.6), (0.6, 0.6), (0.9, 0.9)])
def test_what_settles_a_complaint_is_worth_what_the_complaint_puts_at_stake(risk, weight):
    policy, unhappy = POLICY._replace(complaint_risk=0.6), UNHAPPY._replace(churn_risk=risk)
    settling = make_action(aim="retain", complaint="open", cost=3)
    assert expected_value(settling, unhappy, policy) == pytest.approx(0.2 * (0.1 * 500 * weight * 0.25 - 3))
    other = make_action(aim="retain", complaint="any")
    assert expected_value(other, unhappy, policy) == expected_value(other, unhappy, POLICY)
