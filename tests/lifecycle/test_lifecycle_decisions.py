"""Decisions: who may be asked, what it is worth, and with what probability it was chosen."""

from collections import Counter
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.contact_gate import Contact, ContactRules
from app.lifecycle.contact_policy import Cap, ContactPolicy
from app.lifecycle.decisions import (
    CustomerContext,
    DecisionOptions,
    Policy,
    SuppressionCode,
    choose,
    expected_value,
    open_gate,
    suppression,
)
from app.lifecycle.events import DAY_US
from app.lifecycle.exploration import selection_probabilities

NOW_US = 20_000 * DAY_US
HOUR_US = DAY_US // 24
POLICY = Policy(control_share=0.0, exploration=0.0, margin=0.25)
WISH = DecisionOptions("store", 3)
STANDING = CustomerContext("C-1", "growing", 0.4, 500.0, has_open_complaint=False, consents={}, offered_us={})
UNHAPPY = STANDING._replace(has_open_complaint=True)


def make_action(action_id="offer", **changes):
    return Action.model_validate(
        {
            "action_id": action_id,
            "title": {"en": "An offer", "zh": "优惠"},
            "stages": ("growing",),
            "channels": ("store", "email"),
            "aim": "grow",
            "response_rate": 0.2,
            "effect": 0.1,
            **changes,
        }
    )


def choose_for(actions, customer=STANDING, wanted=WISH, policy=POLICY, seed="D-1", gate=None):
    return choose(ActionCatalogue(actions), customer, wanted, policy, now_us=NOW_US, seed=seed, gate=gate)


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
    "cooling_down": (make_action(), STANDING._replace(offered_us={"offer": NOW_US - DAY_US}), WISH),
    "no_gain": (make_action(cost=1000), STANDING, WISH),
    "items_unseen": (make_action(), STANDING._replace(unseen={"offer"}), WISH),
    "no_items": (make_action(), STANDING._replace(lacking={"offer"}), WISH),
    "control_group": (make_action(), STANDING._replace(arm="control"), WISH),
}


@pytest.mark.parametrize("code", get_args(SuppressionCode))
def test_every_reason_to_suppress_is_reached(code):
    action, customer, wanted = SUPPRESSIONS[code]
    contacts = [Contact("another", "offer", "email", NOW_US - 1)] * 3 if code == "cap_reached" else []
    spent = {"offer": code} if code in ("budget_spent", "action_cap_reached") else {}
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


def test_what_the_business_pulls_at_comes_first():
    choice = choose_for([*FOUR, make_action("pulled", effect=0.1, lever=8)])
    assert [item.action.action_id for item in choice.chosen] == ["pulled", "a", "b"]


@pytest.mark.parametrize(("risk", "weight"), [(0.03, 0.6), (None, 0.6), (0.6, 0.6), (0.9, 0.9)])
def test_what_settles_a_complaint_is_worth_what_the_complaint_puts_at_stake(risk, weight):
    policy, unhappy = POLICY._replace(complaint_risk=0.6), UNHAPPY._replace(churn_risk=risk)
    settling = make_action(aim="retain", complaint="open", cost=3)
    assert expected_value(settling, unhappy, policy) == pytest.approx(0.2 * (0.1 * 500 * weight * 0.25 - 3))
    other = make_action(aim="retain", complaint="any")
    assert expected_value(other, unhappy, policy) == expected_value(other, unhappy, POLICY)


SETTLING = [
    make_action(name, aim="retain", complaint="open", effect=effect) for name, effect in (("x", 0.02), ("y", 0.01))
]
ANYWAY = [make_action(name, complaint="any", effect=effect) for name, effect in (("a", 0.9), ("b", 0.8), ("c", 0.7))]


def test_what_settles_a_complaint_comes_first_whatever_else_is_worth():
    choice = choose_for([*ANYWAY, *SETTLING], UNHAPPY, DecisionOptions("store", 5))
    assert [item.action.action_id for item in choice.chosen] == ["x", "y", "a", "b", "c"]
    assert choice.worths["a"] > 10 * choice.worths["x"]


def test_whether_it_is_settled_is_asked_before_anything_is_sold():
    follow_up = make_action("z", aim="retain", complaint="resolved", effect=0.01)
    settled = STANDING._replace(complaint_resolved_us=NOW_US - DAY_US)
    choice = choose_for([*ANYWAY, follow_up, make_action("sell", effect=1.0)], settled, DecisionOptions("store", 5))
    assert [item.action.action_id for item in choice.chosen] == ["z", "sell", "a", "b", "c"]


def test_chance_never_puts_anything_before_what_settles_a_complaint():
    """And the stated probabilities are those among the actions that may have the place."""
    exploring, seen = POLICY._replace(exploration=0.8), Counter[str]()
    for seed in map(str, range(400)):
        choice = choose_for([*ANYWAY, *SETTLING], UNHAPPY, DecisionOptions("store", 3), exploring, seed)
        first, second, third = choice.chosen
        assert {first.action.action_id, second.action.action_id} == {"x", "y"}
        among = selection_probabilities([choice.worths["x"], choice.worths["y"]], 0.8)
        assert first.selection_probability == among["xy".index(first.action.action_id)]
        assert second.selection_probability == 1.0
        others = selection_probabilities([choice.worths[action_id] for action_id in "abc"], 0.8)
        assert third.selection_probability == others["abc".index(third.action.action_id)]
        seen[first.action.action_id] += 1
    assert seen["y"] == pytest.approx(400 * among[1], abs=4 * (400 * among[0] * among[1]) ** 0.5)


ACTIONS = st.lists(
    st.builds(
        make_action,
        st.sampled_from([f"action-{number}" for number in range(12)]),
        aim=st.sampled_from(["grow", "retain"]),
        response_rate=st.floats(0.01, 1),
        effect=st.floats(0.01, 1),
        cost=st.floats(0, 50),
        complaint=st.sampled_from(["any", "open", "resolved", "none"]),
        cool_down_days=st.integers(0, 60),
    ),
    max_size=12,
    unique_by=lambda action: action.action_id,
)


@given(ACTIONS, st.floats(0, 1), st.floats(0, 2000), st.floats(0, 1), st.integers(1, 12), st.text(max_size=5))
def test_no_action_that_loses_money_is_ever_chosen(actions, risk, value, exploration, places, seed):
    customer = STANDING._replace(churn_risk=risk, value_at_stake=value)
    choice = choose_for(
        actions, customer, DecisionOptions("store", places), POLICY._replace(exploration=exploration), seed
    )
    chosen = [item.action.action_id for item in choice.chosen]
    assert all(expected_value(item.action, customer, POLICY) > 0 for item in choice.chosen)
    assert len(set(chosen)) == len(chosen) <= places
    assert {*chosen, *(action_id for action_id, _ in choice.suppressed)} <= {a.action_id for a in actions}
    eligible = len(actions) - len(choice.suppressed)
    assert len(chosen) == min(places, eligible)


# Exploration.

FOUR = [make_action(name, effect=effect) for name, effect in (("d", 0.1), ("b", 0.3), ("a", 0.4), ("c", 0.2))]
"""Best first: a, b, c, d."""


def test_without_exploration_the_best_come_first_for_certain():
    choice = choose_for(FOUR, wanted=DecisionOptions("store", 3))
    assert [item.action.action_id for item in choice.chosen] == ["a", "b", "c"]
    assert [item.selection_probability for item in choice.chosen] == [1.0, 1.0, 1.0]
    assert choice.worths == {
        action.action_id: pytest.approx(expected_value(action, STANDING, POLICY)) for action in FOUR
    }


@pytest.mark.parametrize("order", ["abc", "cba"])
def test_equal_worths_are_chosen_alike_whatever_their_order(order):
    equal, one = [make_action(name) for name in order], DecisionOptions("store", 1)
    chosen = [choose_for(equal, wanted=one, seed=f"d-{seed}").chosen[0] for seed in range(900)]
    assert {item.selection_probability for item in chosen} == {1 / 3}
    seen = Counter(item.action.action_id for item in chosen)
    assert all(count == pytest.approx(300, abs=4 * (900 * 2 / 9) ** 0.5) for count in (seen[name] for name in "abc"))


def test_who_does_not_want_to_be_learned_from_is_not_explored():
    exploring = POLICY._replace(exploration=1.0)
    wanted = DecisionOptions("store", 4, learning_enabled=False)
    for seed in map(str, range(50)):
        choice = choose_for(FOUR, wanted=wanted, policy=exploring, seed=seed)
        assert [item.action.action_id for item in choice.chosen] == ["a", "b", "c", "d"]
        assert {item.selection_probability for item in choice.chosen} == {1.0}


def test_a_seed_repeats_its_draw():
    exploring = POLICY._replace(exploration=0.5)
    choices = [choose_for(FOUR, policy=exploring, seed=str(seed)) for seed in range(100)]
    assert choices == [choose_for(FOUR, policy=exploring, seed=str(seed)) for seed in range(100)]
    assert len({tuple(item.action.action_id for item in choice.chosen) for choice in choices}) > 5


SEEDS, EXPLORATION = 20_000, 0.3


@pytest.fixture(scope="module")
def draws():
    """What 20,000 decisions filled their three places with, in order: (action, stated probability)."""
    exploring, wanted = POLICY._replace(exploration=EXPLORATION), DecisionOptions("store", 3)
    choices = [choose_for(FOUR, wanted=wanted, policy=exploring, seed=f"D-{seed}") for seed in range(SEEDS)]
    return [[(item.action.action_id, item.selection_probability) for item in choice.chosen] for choice in choices]


def test_a_stated_probability_is_that_of_the_action_among_those_that_remained(draws):
    worth_of = {action.action_id: expected_value(action, STANDING, POLICY) for action in FOUR}
    for drawn in draws:
        remaining = list("abcd")
        for action_id, stated in drawn:
            worths = [worth_of[each] for each in remaining]
            assert stated == selection_probabilities(worths, EXPLORATION)[remaining.index(action_id)]
            remaining.remove(action_id)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_actions_are_chosen_as_often_as_their_probabilities_state(draws, place):
    """In each place, given the places before it, χ² stays below its 99.9 % point (16.3 at 3 degrees)."""
    seen, stated = Counter[tuple[Any, str]](), {}
    for drawn in draws:
        before = tuple(action_id for action_id, _ in drawn[:place])
        action_id, probability = drawn[place]
        seen[before, action_id] += 1
        stated[before, action_id] = probability
    for before in {before for before, _ in seen}:
        cases = {action_id: count for (history, action_id), count in seen.items() if history == before}
        total = sum(cases.values())
        assert sum(stated[before, action_id] for action_id in cases) == pytest.approx(1)
        chi_square = sum(
            (count - total * stated[before, action_id]) ** 2 / (total * stated[before, action_id])
            for action_id, count in cases.items()
        )
        assert chi_square < 16.3


def test_inverse_propensity_recovers_what_each_action_would_bring(draws):
    """Had "d" always been first and paid 1, the mean payment would be 1."""
    weights = [1 / probability for ((action_id, probability), *_) in draws if action_id == "d"]
    assert sum(weights) / SEEDS == pytest.approx(1, abs=0.06)


# The control group.


def test_the_control_group_is_told_what_it_would_have_been_offered():
    choice = choose_for(FOUR, STANDING._replace(arm="control"))
    assert choice.in_control_group
    assert choice.chosen == []
    assert set(choice.worths) == set("abcd")
    assert {code for _, code in choice.suppressed} == {"control_group"}


def test_business_as_usual_leaves_nothing_to_chance():
    exploring = POLICY._replace(exploration=1.0)
    usual = STANDING._replace(arm="business_as_usual")
    for seed in map(str, range(20)):
        assert choose_for(FOUR, usual, policy=exploring, seed=seed) == choose_for(FOUR, usual, seed="D-1")
    learnt = {choose_for(FOUR, policy=exploring, seed=str(n)).chosen[0].action.action_id for n in range(20)}
    assert len(learnt) > 1
