"""`perennial evaluate policy`: what is learned is found better where it is; what cannot be answered is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.foundation.errors import Refusal
from app.lifecycle.learned_effects import STAGES
from ml.data.decisions import read_decisions
from ml.evaluation.figures import render_policies
from ml.evaluation.policy import evaluate_policies

GROUPS = {"coupon": "offer", "gift": "offer", "call": "care"}


def rows_of(count=1500, seed=1, propensity=0.5):
    """The rules think a gift worth more than a coupon; it is the other way round. A tenth are of the control group."""
    draw, rows = np.random.default_rng(seed), []
    for number in range(count):
        is_control, action = draw.random() < 0.1, ("coupon", "gift")[draw.integers(2)]
        brought = {"coupon": 3.0, "gift": 1.0}[action] * (not is_control)
        rows.append(
            SimpleNamespace(
                decided_us=10**15,
                activated_us=10**15,
                stage=STAGES[number % len(STAGES)],
                arm="control" if is_control else "learner",
                place=None if is_control else 1,
                action_id=None if is_control else action,
                propensity=1.0 if is_control else propensity,
                reward=brought + draw.normal(2, 1),
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


def test_only_chance_is_judged():
    rows = rows_of()
    for row in rows[:700]:
        row.receipt["request"] = {"learning_enabled": False}
    rows[-1].receipt["customer"]["has_open_complaint"] = True
    rows[-2].reward = None
    judged = sum(row.arm == "learner" for row in rows[700:-2])
    assert evaluate(rows)["decisions"] == judged


def test_what_was_held_back_is_never_chosen():
    log = read_decisions(rows_of(300), GROUPS)
    assert log.action_ids == ("call", "coupon", "gift")
    assert not log.eligible[:, 0].any()
    assert log.groups.tolist() == [0, 1, 1]


def test_a_log_without_chance_is_told_to_answer_nothing():
    rules = evaluate([row for row in rows_of(propensity=1.0) if row.action_id != "gift"])["policies"]["rules"]
    assert rules["warnings"] == ["few_effective", "lacking_support"]
    assert rules["self_normalised"] is None


def test_refused_without_propensities_and_of_few_decisions():
    with pytest.raises(Refusal, match="probability"):
        evaluate(rows_of(propensity=None))
    with pytest.raises(Refusal, match="are needed"):
        evaluate(rows_of(50))
