"""What a sieve catches of many actions is what each would be told by itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.contact_gate import ContactRules
from app.lifecycle.contact_policy import ContactPolicy
from app.lifecycle.decisions import CustomerContext, DecisionOptions, Policy, choose, suppression
from app.lifecycle.events import DAY_US
from tests.lifecycle.deciding import NOW_US, make_action

NUMBERS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 7.0])
COMPARISONS = st.builds(
    lambda fact, how, number: {"fact": fact, how: number},
    st.sampled_from(["score.churn_risk", "state.orders", "context.size"]),
    st.sampled_from(["at_least", "at_most", "above", "below"]),
    NUMBERS,
)
OTHERS = st.sampled_from(
    [
        {"fact": "context.size", "equals": 1},
        {"fact": "context.size", "equals": True},
        {"fact": "score.value_tier", "one_of": ["high"]},
        {"stage": ["growing"]},
        {"consent": "email"},
        {"not": {"fact": "state.orders", "at_least": 1.0}},
        {"any_of": [{"stage": ["new"]}, {"fact": "score.churn_risk", "below": 0.5}]},
    ]
)
CONDITIONS = (
    st.none()
    | COMPARISONS
    | OTHERS
    | st.builds(lambda parts: {"all_of": parts}, st.lists(COMPARISONS | OTHERS, min_size=1, max_size=3))
)
NAMES = [f"a-{number}" for number in range(8)]
ACTIONS = st.tuples(
    *(
        st.builds(
            make_action,
            st.just(name),
            group=st.sampled_from(["offer", "service", "survey"]),
            complaint=st.sampled_from(["any", "none", "open", "resolved"]),
            min_risk=st.sampled_from([0.0, 0.25, 0.5]),
            min_value=st.sampled_from([0.0, 100.0, 500.0]),
            cool_down_days=st.sampled_from([0, 1, 30]),
            eligibility=CONDITIONS,
        )
        for name in NAMES
    )
)
SOME = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "score.churn_risk": NUMBERS,
        "state.orders": NUMBERS | st.just(float("nan")),
        "score.value_tier": st.sampled_from(["high", "low"]),
        "is_minor": st.just(True),
        "state.last_refund_days": NUMBERS,
    },
)
CUSTOMERS = st.builds(
    CustomerContext,
    st.just("C-1"),
    st.just("growing"),
    st.none() | st.sampled_from([0.25, 0.3, 0.5]),
    st.sampled_from([50.0, 100.0, 500.0]),
    has_open_complaint=st.booleans(),
    consents=st.just({"email": True}),
    offered_us=st.dictionaries(st.sampled_from([*NAMES, "other"]), st.sampled_from([NOW_US, NOW_US - 2 * DAY_US])),
    lacking=SOME,
    unseen=SOME,
    facts=FACTS,
    complaint_resolved_us=st.none() | st.just(NOW_US - DAY_US),
    csat=st.none() | st.just(1.0),
    csat_us=st.just(NOW_US - DAY_US),
    arm=st.just("learner"),
    treatment=st.none(),
    learned=st.just({}),
    purposes=st.just({}),
)
CONTEXTS = st.fixed_dictionaries({}, optional={"size": st.sampled_from([1, True, "one", 0.5]), "minor": st.booleans()})
SPENT = st.dictionaries(st.sampled_from(NAMES), st.just("budget_spent"), max_size=2)
RULES = ContactRules(ContactPolicy(caps=(), quiet_hours=()))


@settings(max_examples=60)
@given(ACTIONS, CUSTOMERS, SOME, CONTEXTS, SPENT)
def test_many_at_once_are_told_what_each_is_told_alone(actions, customer, exclude, context, spent):
    wanted = DecisionOptions("email", 1, exclude, context=context)
    gate = RULES.gate(customer, "email", NOW_US, (), spent)
    choice = choose(
        ActionCatalogue(actions), customer, wanted, Policy(0.0, 0.0, 0.3), now_us=NOW_US, seed="d", gate=gate
    )
    told = {action_id: code for action_id, code in choice.suppressed if code != "no_gain"}
    alone = {action.action_id: suppression(action, customer, wanted, NOW_US, gate) for action in actions}
    assert told == {action_id: code for action_id, code in alone.items() if code is not None}


@pytest.mark.parametrize(
    ("how", "kept"),
    [("at_least", [0.5, 0.7]), ("above", [0.7]), ("at_most", [0.3, 0.5]), ("below", [0.3])],
)
def test_a_bound_is_kept_to_the_number(how, kept):
    action = make_action("a", eligibility={"fact": "score.churn_risk", how: 0.5})
    catalogue, wanted = ActionCatalogue([action]), DecisionOptions("email", 1)
    passed = []
    for risk in (0.3, 0.5, 0.7):
        customer = CustomerContext(
            "C-1", "growing", risk, 500.0, has_open_complaint=False, consents={"email": True}, offered_us={},
            facts={"score.churn_risk": risk},
        )  # fmt: skip
        choice = choose(catalogue, customer, wanted, Policy(0.0, 0.0, 0.3), now_us=NOW_US, seed="d")
        passed += [risk] * bool(choice.worths)
    assert passed == kept
