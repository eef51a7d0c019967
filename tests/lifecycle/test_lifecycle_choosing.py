"""Which action has a place: what comes first, and with what probability it was chosen."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.decisions import DecisionOptions, expected_value, rank
from app.lifecycle.events import DAY_US
from app.lifecycle.exploration import selection_probabilities
from app.lifecycle.learned_effects import Learned
from app.lifecycle.places import first_chances
from app.lifecycle.split_tests import Treatment
from tests.lifecycle.deciding import NOW_US, POLICY, STANDING, UNHAPPY, WISH, choose_for, make_action

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


def test_what_the_business_pulls_at_comes_first():
    choice = choose_for([*FOUR, make_action("pulled", effect=0.1, lever=8)])
    assert [item.action.action_id for item in choice.chosen] == ["pulled", "a", "b"]


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


PAYS, DOUBTFUL, HARMS, OTHERS = (make_action(name) for name in ("pays", "doubtful", "harms", "others"))
"""Worth 5 for certain; .2, but for caution; −1; and with 3 half a deviation above nothing."""
LEARNED = {
    "pays": Learned(5.0, 0.0),
    "doubtful": Learned(0.2, 1.0),
    "harms": Learned(-1.0, 0.2),
    "others": Learned(3.0, 1.0),
}
KNOWN = STANDING._replace(learned=LEARNED)
EXPLORING = POLICY._replace(exploration=0.3)
ONE = WISH._replace(max_actions=1)


def test_what_may_pay_is_explored_beside_what_does_and_what_harms_is_not():
    draws = Counter(
        choose_for([PAYS, DOUBTFUL, HARMS], KNOWN, ONE, EXPLORING, seed=f"D-{number}").chosen[0][0].action_id
        for number in range(4000)
    )
    stated = selection_probabilities([5.0, -0.3], 0.3)
    assert set(draws) == {"pays", "doubtful"}
    assert draws["doubtful"] / 4000 == pytest.approx(stated[1], abs=0.01)
    choice = next(
        found
        for number in range(4000)
        if (found := choose_for([PAYS, DOUBTFUL, HARMS], KNOWN, ONE, EXPLORING, seed=f"D-{number}")).chosen[0][0]
        == DOUBTFUL
    )
    assert choice.chosen[0].expected_value == pytest.approx(-0.3)
    assert choice.chosen[0].selection_probability == pytest.approx(stated[1])
    assert 0.3 * 0.25 / 2 <= stated[1] <= 0.3
    assert choice.suppressed == [("harms", "no_gain")]


@pytest.mark.parametrize(
    ("actions", "customer", "wanted", "policy"),
    [
        ([DOUBTFUL], KNOWN, ONE, EXPLORING),
        ([DOUBTFUL, HARMS], KNOWN, WISH, EXPLORING),
        ([PAYS, DOUBTFUL], KNOWN, ONE, POLICY),
        ([PAYS, DOUBTFUL], KNOWN, ONE._replace(learning_enabled=False), EXPLORING),
        ([PAYS, DOUBTFUL], KNOWN._replace(arm="business_as_usual"), ONE, EXPLORING),
        ([PAYS, DOUBTFUL], KNOWN._replace(treatment=Treatment("tea", "a")), ONE, EXPLORING),
    ],
)
def test_what_may_pay_is_left_be_where_nothing_pays_or_chance_has_no_say(actions, customer, wanted, policy):
    for number in range(200):
        choice = choose_for(actions, customer, wanted, policy, seed=f"D-{number}")
        is_known = bool(customer.learned_for(wanted))
        assert {item.action.action_id for item in choice.chosen} <= ({"pays"} if is_known else {"pays", "doubtful"})
        assert ("doubtful", "no_gain") in choice.suppressed or not is_known


def test_of_two_places_the_second_is_not_filled_with_what_may_pay_alone():
    for number in range(300):
        chosen = choose_for([PAYS, DOUBTFUL], KNOWN, WISH, EXPLORING, seed=f"D-{number}").chosen
        names = [item.action.action_id for item in chosen]
        assert names in (["pays"], ["doubtful", "pays"])


def test_the_control_group_goes_without_what_is_explored_alike():
    held_out = KNOWN._replace(arm="control")
    seen = set()
    for number in range(300):
        choice = choose_for([PAYS, DOUBTFUL], held_out, ONE, EXPLORING, seed=f"D-{number}")
        same = choose_for([PAYS, DOUBTFUL], KNOWN, ONE, EXPLORING, seed=f"D-{number}")
        assert choice.withheld == same.chosen
        assert choice.chosen == []
        assert sorted(choice.suppressed) == [("doubtful", "control_group"), ("pays", "control_group")]
        seen |= {item.action.action_id for item in choice.withheld}
    assert seen == {"pays", "doubtful"}


def test_the_chance_of_the_first_place_is_told_of_what_may_pay_too():
    catalogue = ActionCatalogue([PAYS, DOUBTFUL, HARMS, OTHERS])
    ranked = rank(catalogue, KNOWN, ONE, EXPLORING, NOW_US)
    told = first_chances(ranked, 0.3)
    assert list(told) == ["pays", "others", "doubtful"]
    draws = Counter(
        choose_for(catalogue.actions, KNOWN, ONE, EXPLORING, seed=f"D-{number}").chosen[0][0].action_id
        for number in range(4000)
    )
    assert {name: count / 4000 for name, count in draws.items()} == pytest.approx(told, abs=0.02)
