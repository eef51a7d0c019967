"""Whether a till waits for items: where an action that carries them may be drawn for a place."""

import pytest

from app.decisions.carrying import Choosing, find_carrying, find_foremost
from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.decisions import CustomerContext, DecisionOptions, Policy, choose

NOW_US = 20_000 * 86_400_000_000
STANDING = CustomerContext("C-1", "growing", 0.4, 500.0, has_open_complaint=False, consents={}, offered_us={})
POLICY = Policy(control_share=0.0, exploration=0.0, margin=0.25)


def make_action(action_id, effect, **changes):
    told = {"title": {"en": "An offer", "zh": "优惠"}, "stages": ("growing",), "channels": ("store",), "aim": "grow"}
    return Action.model_validate({"action_id": action_id, **told, "response_rate": 0.2, "effect": effect, **changes})


def choosing(*actions):
    return Choosing(ActionCatalogue(actions), POLICY, ContactRules())


@pytest.mark.parametrize(
    ("effects", "places", "is_sought"),
    [
        ({"before": 0.1, "cross-sell": 0.1}, 1, True),
        ({"before": 0.1, "another": 0.1, "cross-sell": 0.1}, 2, True),
        ({"before": 0.11, "cross-sell": 0.1}, 1, False),
        ({"before": 0.11, "cross-sell": 0.1}, 2, True),
        ({"before": 0.3, "another": 0.11, "cross-sell": 0.1}, 2, False),
        ({"before": 0.1, "cross-sell": 0.1}, 0, False),
    ],
)
def test_items_are_sought_for_what_may_be_drawn_among_equals(effects, places, is_sought):
    actions = choosing(*(make_action(*each) for each in effects.items()))
    wanted = DecisionOptions("store", places)
    sought, left = find_foremost(actions, STANDING, wanted, NOW_US)
    carrying = ["cross-sell"] if places else []
    assert (sought, left) == ((carrying, []) if is_sought else ([], carrying))
    seeds = [f"d-{number}" for number in range(30)]
    drawn = [choose(actions.catalogue, STANDING, wanted, POLICY, now_us=NOW_US, seed=seed) for seed in seeds]
    assert any(item.action.action_id == "cross-sell" for choice in drawn for item in choice.chosen) is is_sought


def test_what_is_equal_by_worth_alone_and_stands_behind_a_complaint_is_not_drawn():
    actions = choosing(
        make_action("apology", 0.1, complaint="resolved"),
        make_action("cross-sell", 0.1),
        make_action("replenishment-reminder", 0.2),
    )
    settled = STANDING._replace(complaint_resolved_us=NOW_US - 1)
    wanted = DecisionOptions("store", 1)
    assert find_carrying(actions, settled, wanted, NOW_US) == ["replenishment-reminder", "cross-sell"]
    assert find_foremost(actions, settled, wanted, NOW_US) == ([], ["replenishment-reminder", "cross-sell"])
