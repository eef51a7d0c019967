"""What a definition of an action may say, and what is taken where it says nothing."""

import pytest
from pydantic import ValidationError

from app.lifecycle.actions import Action
from tests.lifecycle.deciding import make_action

MECHANICS = {
    "满100减20": {"kind": "amount_off", "threshold": 100.0, "amount": 20.0},
    "每满100减20": {"kind": "amount_off", "threshold": 100.0, "amount": 20.0, "repeated": True},
    "20 off anything": {"kind": "amount_off", "amount": 20.0},
    "the whole order": {"kind": "amount_off", "threshold": 20.0, "amount": 20.0},
    "a fifth off, at most 50": {"kind": "percentage", "percent": 20.0, "most": 50.0},
    "a tote bag from 200 on": {"kind": "gift", "item_id": "4711", "threshold": 200.0},
    "double points": {"kind": "points_multiple", "factor": 2.0},
    "15 off a later order": {"kind": "coupon", "amount": 15.0, "threshold": 60.0, "code": "BACK15"},
    "a draw": {"kind": "lottery", "prizes": [{"name": "Tea", "chance": 0.1, "value": 8.0}] * 10},
}
NONSENSE = {
    "of no kind": {"amount": 20},
    "of two kinds": {"kind": "percentage", "percent": 10, "factor": 2},
    "more off than there is": {"kind": "amount_off", "threshold": 10, "amount": 20},
    "each of no threshold": {"kind": "amount_off", "amount": 20, "repeated": True},
    "a coupon above its threshold": {"kind": "coupon", "threshold": 10, "amount": 20},
    "over a hundred per cent": {"kind": "percentage", "percent": 101},
    "the usual points": {"kind": "points_multiple", "factor": 1},
    "no prizes": {"kind": "lottery", "prizes": []},
    "chances above one": {"kind": "lottery", "prizes": [{"name": "Tea", "chance": 0.6, "value": 8}] * 2},
    "no gift": {"kind": "gift", "item_id": "x", "quantity": 0},
    "a negative threshold": {"kind": "gift", "item_id": "x", "threshold": -1},
}


@pytest.mark.parametrize("mechanic", MECHANICS.values(), ids=MECHANICS)
def test_a_promotion_is_told_back_as_it_was_told(mechanic):
    action = make_action(mechanic=mechanic)
    told = action.model_dump(mode="json")["mechanic"]
    assert told == {**told, **mechanic}
    assert Action.model_validate_json(action.model_dump_json()) == action


@pytest.mark.parametrize("mechanic", NONSENSE.values(), ids=NONSENSE)
def test_a_promotion_that_makes_no_sense_is_refused(mechanic):
    with pytest.raises(ValidationError):
        make_action(mechanic=mechanic)


@pytest.mark.parametrize(
    "changes",
    [
        {"group": "spam"},
        {"body": {"en": "Only English"}},
        {"weight": -0.1},
        {"lever": 101},
        {"budget": -1},
        {"daily_cap": 1.5},
        {"total_cap": -1},
    ],
)
def test_what_cannot_be_meant_is_refused(changes):
    with pytest.raises(ValidationError):
        make_action(**changes)


@pytest.mark.parametrize(
    ("complaint", "group"), [("none", "offer"), ("any", "offer"), ("open", "service"), ("resolved", "service")]
)
def test_without_a_group_it_is_an_offer_unless_it_is_for_complaints(complaint, group):
    assert make_action(complaint=complaint).group == group
    assert make_action(complaint=complaint, group="survey").group == "survey"


def test_nothing_is_capped_or_pulled_at_unless_it_is_said():
    action = make_action()
    assert (action.weight, action.lever) == (1.0, 1.0)
    assert (action.budget, action.daily_cap, action.total_cap, action.mechanic, action.body) == (None,) * 5
