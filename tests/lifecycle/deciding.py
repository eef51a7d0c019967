"""What tests of decisions are about: a customer of good standing, an action, and a choice among some."""

from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.decisions import CustomerContext, DecisionOptions, Policy, choose
from app.lifecycle.events import DAY_US

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
