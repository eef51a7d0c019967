"""The catalogue that a new installation begins with, and what a definition may say."""

import re
from itertools import product
from typing import get_args

import pytest
from pydantic import ValidationError

from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.decisions import CustomerContext, DecisionOptions, Policy, choose
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.events import DAY_US
from app.lifecycle.measures import CONTACT_CHANNELS, SALES_CHANNELS
from app.lifecycle.stages import Stage

CATALOGUE = ActionCatalogue(DEFAULT_ACTIONS)
BY_ID = {action.action_id: action for action in DEFAULT_ACTIONS}
STAGES = get_args(Stage)
POLICY = Policy(control_share=0.0, exploration=0.0, margin=0.25)
EVERYONE_MAY_BE_ASKED = {"*": True}

MANAGED = {
    "prospect": {"first-order-coupon", "personal-suggestions", "store-invitation"},
    "new": {"welcome-pack", "second-order-coupon", "membership-invitation", "satisfaction-question"},
    "growing": {"personal-recommendations", "points-multiplier", "tier-up-nudge", "bundle-offer"},
    "mature": {"cross-sell", "vip-service", "early-access", "referral-invitation"},
    "declining": {"churn-reason-survey", "service-recovery", "replenishment-reminder", "targeted-offer"},
    "lost": {"win-back-offer", "exit-survey"},
}
"""What a retailer manages in each stage."""


NOW_US = 20_000 * DAY_US + DAY_US // 2
"""Noon: at night nobody is called."""


def choose_for(stage, channel, risk, value, complaint, resolved_us=None, birthday=None):
    facts = {} if birthday is None else {"customer.has_birthday": birthday}
    standing = CustomerContext(
        "C-1", stage, risk, value, complaint, EVERYONE_MAY_BE_ASKED, {}, facts=facts, complaint_resolved_us=resolved_us
    )
    wish = DecisionOptions(channel, max_actions=len(DEFAULT_ACTIONS))
    choice = choose(CATALOGUE, standing, wish, POLICY, now_us=NOW_US, seed="D-1")
    return [item.action.action_id for item in choice.chosen]


def choices_for_an_action(action):
    """What is chosen for customers of all sorts whom the action is for."""
    risks, values = (0.05, 0.3, 0.5, 0.75, 0.95), (50.0, 200.0, 1_000.0, 5_000.0)
    sorts = product(action.stages, action.channels, risks, values, ((False, None), (True, None), (False, NOW_US)))
    return (
        choose_for(stage, channel, None if stage == "prospect" else risk, value, *complaint, birthday=True)
        for stage, channel, risk, value, complaint in sorts
    )


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_what_a_retailer_manages_in_it(stage):
    assert MANAGED[stage] <= {action.action_id for action in DEFAULT_ACTIONS if stage in action.stages}


@pytest.mark.parametrize("action", DEFAULT_ACTIONS, ids=BY_ID)
def test_every_action_is_chosen_for_somebody(action):
    assert any(action.action_id in chosen for chosen in choices_for_an_action(action))


@pytest.mark.parametrize("action", DEFAULT_ACTIONS, ids=BY_ID)
def test_every_action_has_a_title_in_both_languages(action):
    assert re.fullmatch(r"[A-Z][\x20-\x7e]+", action.title.en)
    assert re.search("[\u4e00-\u9fff]", action.title.zh)


def test_ids_are_unique():
    assert len(BY_ID) == len(DEFAULT_ACTIONS)


@pytest.mark.parametrize("action", DEFAULT_ACTIONS, ids=BY_ID)
def test_actions_go_over_known_channels(action):
    assert set(action.channels) <= {*CONTACT_CHANNELS, *SALES_CHANNELS}


@pytest.mark.parametrize("stage", STAGES)
def test_everyone_gets_care(stage):
    assert stage in BY_ID["festival-greeting"].stages


@pytest.mark.parametrize("risk", [0.02, 0.7])
@pytest.mark.parametrize("channel", ["store", "email", "phone"])
@pytest.mark.parametrize("stage", STAGES)
def test_somebody_with_an_open_complaint_is_helped_first_however_sure_they_are_to_stay(stage, channel, risk):
    chosen = choose_for(stage, channel, None if stage == "prospect" else risk, 2_000.0, complaint=True)
    assert chosen[:2] == ["service-recovery", "complaint-apology"]
    assert set(chosen[2:]) <= {"personal-call"}, "sold to, or asked how they are, before it is settled"


@pytest.mark.parametrize("channel", [*CONTACT_CHANNELS, *SALES_CHANNELS])
@pytest.mark.parametrize("stage", STAGES)
def test_a_complaint_of_somebody_who_spends_little_is_answered_too(stage, channel):
    assert choose_for(stage, channel, 0.1, 20.0, complaint=True) == ["complaint-apology"]


@pytest.mark.parametrize("channel", [*CONTACT_CHANNELS, *SALES_CHANNELS])
@pytest.mark.parametrize("stage", STAGES)
def test_whoever_was_helped_is_asked_whether_it_helped(stage, channel):
    chosen = choose_for(stage, channel, 0.1, 500.0, complaint=False, resolved_us=NOW_US - 3 * DAY_US)
    assert chosen[0] == "complaint-follow-up"
    assert "complaint-follow-up" not in choose_for(stage, channel, 0.1, 500.0, complaint=False)


@pytest.mark.parametrize("stage", STAGES)
def test_on_their_birthday_everyone_is_greeted_before_anything_is_sold(stage):
    assert choose_for(stage, "store", 0.2, 500.0, complaint=False, birthday=True)[0] == "happy-birthday"
    for birthday in (False, None):
        assert "happy-birthday" not in choose_for(stage, "store", 0.2, 500.0, complaint=False, birthday=birthday)


def test_a_call_is_for_the_valuable_who_are_about_to_leave():
    assert "personal-call" in choose_for("declining", "phone", 0.7, 2_000.0, complaint=False)
    assert "personal-call" not in choose_for("declining", "phone", 0.7, 300.0, complaint=False)
    assert "personal-call" not in choose_for("declining", "phone", 0.45, 2_000.0, complaint=False)


def test_nothing_is_spent_on_the_lost_who_never_spent():
    assert not {"win-back-offer"} & set(choose_for("lost", "sms", 0.97, 60.0, complaint=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"action_id": "Two Words"},
        {"title": {"en": "Only English"}},
        {"stages": ()},
        {"stages": ("asleep",)},
        {"channels": ()},
        {"response_rate": 0},
        {"response_rate": float("nan")},
        {"effect": 1.5},
        {"cost": -1},
        {"cost": float("inf")},
        {"cool_down_days": 366},
        {"validity_days": 0},
        {"surprise": 1},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(changes):
    plain = DEFAULT_ACTIONS[0].model_dump()
    assert Action.model_validate(plain) == DEFAULT_ACTIONS[0]
    with pytest.raises(ValidationError):
        Action.model_validate({**plain, **changes})
