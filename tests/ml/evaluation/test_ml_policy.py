"""`perennial evaluate policy`: what is learned is found better where it is; what cannot be answered is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.foundation.errors import Refusal
from app.lifecycle.learned_effects import FEWEST_SHOWN, STAGES, LearnedEffects
from ml.data.decisions import NONE, read_decisions
from ml.evaluation.figures import render_policies
from ml.evaluation.policy import choose, evaluate_policies, learned_worths
from ml.learning.effects import CrossFitted

GROUPS = {"coupon": "offer", "gift": "offer", "call": "care"}


def rows_of(count=1500, seed=1, propensity=0.5):
    """The rules think a gift worth more than a coupon; it is the other way round. A tenth are of the control group."""
    draw, rows = np.random.default_rng(seed), []
    for number in range(count):
        is_control, action = draw.random() < 0.1, ("coupon", "gift")[draw.integers(2)]
        brought = {"coupon": 3.0, "gift": 1.0}[action] * (not is_control)
        rows.append(
            SimpleNamespace(
                person_id=f"P-{number}",
                decided_us=10**15,
                activated_us=10**15,
                stage=STAGES[number % len(STAGES)],
                arm="control" if is_control else "learner",
                place=None if is_control else 1,
                action_id=None if is_control else action,
                propensity=1.0 if is_control else propensity,
                reward=brought + draw.normal(2, 1),
                response=0.0,
                receipt={
                    "request": {"learning_enabled": True},
                    "customer": {"churn_risk": draw.random(), "value_at_stake": 50.0, "has_open_complaint": False},
                    "expected_values": {"coupon": 1.0, "gift": 2.0, "call": 9.0},
                    "suppressed": {"call": "no_consent"},
                    "withheld": {action: 0.5} if is_control else {},
                },
            )
        )
    return rows


def evaluate(rows):
    return evaluate_policies(read_decisions(rows, GROUPS))


def test_what_is_learned_is_judged_to_be_better_than_the_rules():
    result = evaluate(rows_of())
    rules, learned = result["policies"]["rules"], result["policies"]["learned"]
    for policy, truth in ((rules, 3.0), (learned, 5.0)):
        for way in ("inverse_propensity", "self_normalised", "doubly_robust"):
            assert policy[way]["low"] - 0.1 < truth < policy[way]["high"] + 0.1
        assert policy["warnings"] == []
    assert learned["doubly_robust"]["low"] > rules["doubly_robust"]["high"]
    assert result["as_decided"] == pytest.approx(4.0, abs=0.15)
    assert "learned" in render_policies(result)


def test_how_much_more_is_learned_is_told_of_the_same_decisions():
    """Two more a decision than the rules; and than a champion who shows gifts, nothing more than one of coupons."""
    log = read_decisions(rows_of(), GROUPS)

    def champion_of(coupon, gift):
        terms = np.zeros((3, len(STAGES), 6))
        terms[:, :, 3] = np.array([0.0, coupon, gift])[:, None]
        sizes = np.zeros(2), np.ones(2)
        ids = ("call", "coupon", "gift")
        return LearnedEffects(ids, terms, np.zeros((3, len(STAGES), 3, 3)), np.array([0, 500, 500]), *sizes)

    leads = evaluate_policies(log)["leads"]
    assert set(leads) == {"rules"}
    assert leads["rules"]["low"] - 0.1 < 2.0 < leads["rules"]["high"] + 0.1
    assert evaluate_policies(log, champion_of(0.0, 9.0))["leads"]["champion"] == pytest.approx(leads["rules"])
    alike = evaluate_policies(log, champion_of(9.0, 0.0))
    assert set(alike["leads"]["champion"].values()) == {0.0}
    assert alike["policies"]["champion"] == alike["policies"]["learned"]
    assert "Learned over champion: 0.0000 (0.0000 to 0.0000) more a decision." in render_policies(alike)


def test_only_chance_is_judged_and_what_was_shown():
    rows = rows_of()
    for row in rows[:700]:
        row.receipt["request"] = {"learning_enabled": False}
    rows[-1].receipt["customer"]["has_open_complaint"] = True
    rows[-2].reward = None
    for row in rows[-9:-2]:
        row.activated_us = None
    assert any(row.arm == "learner" for row in rows[-9:-2])
    judged = sum(row.arm == "learner" for row in rows[700:-9])
    assert evaluate(rows)["decisions"] == judged


def told_of(log, *effects, deviation=0.0):
    """Of every row: anyway 1, and the same effects."""
    size = len(log.rewards), len(effects)
    return CrossFitted(np.ones(size[0]), np.broadcast_to(np.array(effects), size), np.full(size, deviation))


def chosen_of(log, *effects, deviation=0.0):
    """Action ids, None: nothing."""
    places = choose(learned_worths(log, told_of(log, *effects, deviation=deviation)))
    return [None if place == NONE else log.action_ids[place] for place in places]


def test_what_was_held_back_is_never_chosen():
    """A coupon is learned to be best, and every other row held it back."""
    rows = rows_of(300)
    for row in rows[::2]:
        row.receipt["suppressed"] = {"call": "no_consent", "coupon": "cool_down"}
    log = read_decisions(rows, GROUPS)
    assert log.action_ids == ("call", "coupon", "gift")
    assert chosen_of(log, 9.0, 3.0, 1.0) == ["gift", "coupon"] * 150


def test_half_a_deviation_is_taken_off_and_what_does_not_pay_is_not_chosen():
    log = read_decisions(rows_of(300), GROUPS)
    assert set(chosen_of(log, 0.0, 1.0, 0.4, deviation=1.9)) == {"coupon"}
    assert set(chosen_of(log, 0.0, 1.0, 0.4, deviation=2.1)) == {None}


def test_of_what_was_hardly_shown_the_worth_of_the_receipt_is_kept():
    """The rules think 2 of a gift, and 1 of a coupon."""
    rows = rows_of(300)
    gifts = [row for row in rows if row.action_id == "gift"]
    for row in gifts[FEWEST_SHOWN - 1 :]:
        row.activated_us = None
    assert set(chosen_of(read_decisions(rows, GROUPS), 0.0, 1.5, 9.0)) == {"gift"}
    assert set(chosen_of(read_decisions(rows, GROUPS), 0.0, 2.5, 9.0)) == {"coupon"}
    gifts[FEWEST_SHOWN - 1].activated_us = 10**15
    assert set(chosen_of(read_decisions(rows, GROUPS), 0.0, 2.5, 9.0)) == {"gift"}


def test_a_policy_that_would_do_nothing_is_worth_what_comes_anyway():
    """Both cost 3 more than they bring: 2 come of nobody's doing, as the control group says."""
    rows = rows_of()
    for row in rows:
        row.reward -= 6.0 * (row.action_id is not None)
    learned = evaluate(rows)["policies"]["learned"]
    assert learned["doubly_robust"]["value"] == pytest.approx(2.0, abs=0.3)
    assert learned["warnings"] == ["few_effective", "lacking_support"]


def test_what_cannot_be_compared_is_not_learned_of():
    """What was prepared and never shown brought a fortune under gifts: the model that judges hears nothing of it."""
    rows = rows_of()
    for row in rows[:300]:
        if row.action_id == "gift":
            row.activated_us, row.reward, row.receipt["request"] = None, 1000.0, {"learning_enabled": False}
    learned = evaluate(rows)["policies"]["learned"]
    assert learned["doubly_robust"]["low"] - 0.1 < 5.0 < learned["doubly_robust"]["high"] + 0.1


def test_a_log_without_chance_is_told_to_answer_nothing():
    rules = evaluate([row for row in rows_of(propensity=1.0) if row.action_id != "gift"])["policies"]["rules"]
    assert rules["warnings"] == ["few_effective", "lacking_support"]
    assert rules["self_normalised"] is None


def test_refused_without_propensities_and_of_few_decisions():
    with pytest.raises(Refusal, match="probability"):
        evaluate(rows_of(propensity=None))
    with pytest.raises(Refusal, match="are needed"):
        evaluate(rows_of(50))
