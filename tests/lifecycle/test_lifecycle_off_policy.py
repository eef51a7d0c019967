"""Estimators of another policy's value: by hand, and where the log cannot answer."""

from dataclasses import replace

import numpy as np
import pytest

from app.lifecycle.off_policy import MOST_WEIGHT, Log, UnloggedPropensities, evaluate_policy, expect_by_action, lead_of


def array(*values):
    return np.array(values, np.float64)


def told(estimate):
    assert estimate is not None
    return estimate.value


def test_by_hand():
    log = Log(
        array(1, 0, 1, 1), array(0.5, 0.5, 0.25, 1), array(1, 0, 0.5, 0.5), array(0.5, 0.5, 1, 1), array(1, 0, 1, 0)
    )
    # weights 2, 0, 2, .5
    value = evaluate_policy(log)
    assert value.inverse_propensity.value == pytest.approx((2 + 0 + 2 + 0.5) / 4)
    assert told(value.self_normalised) == pytest.approx(1.0)
    assert told(value.doubly_robust) == pytest.approx((1 + 2 * 0.5 + 0 + 1 + 0 + 0) / 4)
    assert value.effective_sample_size == pytest.approx(4.5**2 / 8.25)
    assert value.mean_weight == pytest.approx(4.5 / 4)
    spread = np.std([2, 0, 2, 0.5], ddof=1) / 2
    assert value.inverse_propensity.high - value.inverse_propensity.value == pytest.approx(1.95996 * spread, rel=1e-4)


def test_a_lead_is_the_difference_of_both_and_surer_than_either():
    draw = np.random.default_rng(3)
    rewards, target = draw.random(400), (draw.random(400) < 0.5).astype(float)
    other = np.where(np.arange(400) < 20, 1 - target, target)  # of twenty it chooses otherwise
    logs = [Log(rewards, np.full(400, 0.5), each, np.full(400, 0.4), np.full(400, 0.6)) for each in (target, other)]
    one, two = (evaluate_policy(log).doubly_robust for log in logs)
    assert one is not None
    assert two is not None
    lead = lead_of(*logs)
    assert lead.value == pytest.approx(one.value - two.value)
    assert lead.high - lead.low < 0.5 * (one.high - one.low)
    assert lead_of(logs[0], logs[0]) == (0.0, 0.0, 0.0)


def test_the_policy_that_logged_is_worth_what_came():
    rewards = np.random.default_rng(0).random(500)
    value = evaluate_policy(Log(rewards, np.full(500, 0.3), np.full(500, 0.3)))
    assert value.inverse_propensity.value == pytest.approx(rewards.mean())
    assert told(value.self_normalised) == pytest.approx(rewards.mean())
    assert value.doubly_robust is None
    assert value.effective_sample_size == pytest.approx(500)
    assert not value.warnings


@pytest.mark.parametrize("unknown", [np.nan, 0.0, -0.1, 1.2])
def test_refused_where_propensities_were_not_logged(unknown):
    with pytest.raises(UnloggedPropensities):
        evaluate_policy(Log(array(1, 0), array(0.5, unknown), array(1, 1)))


def test_tiny_propensities_are_clipped_and_told():
    log = Log(np.ones(200), array(1e-6, *[0.5] * 199), np.full(200, 0.5))
    value = evaluate_policy(log)
    assert value.clipped == 1
    assert "clipped" in value.warnings
    assert value.inverse_propensity.value == pytest.approx((MOST_WEIGHT + 199) / 200)


def test_actions_that_were_never_chosen_are_told():
    """Half of the policy's choices are of an action that the log never has: weights are 2 · ¼ on average."""
    draw = np.random.default_rng(1)
    chosen = draw.integers(2, size=4000)
    value = evaluate_policy(Log(draw.random(4000), np.full(4000, 0.5), np.where(chosen == 0, 0.5, 0.0)))
    assert "lacking_support" in value.warnings


def test_a_policy_that_was_hardly_ever_followed_is_told():
    followed = (np.arange(1000) < 20).astype(float)
    value = evaluate_policy(Log(np.ones(1000), np.full(1000, 0.02), followed))
    assert value.effective_sample_size == pytest.approx(20)
    assert value.warnings == ("few_effective",)


def test_a_policy_that_was_never_followed_has_no_ratio():
    value = evaluate_policy(Log(np.ones(10), np.full(10, 0.5), np.zeros(10)))
    assert value.self_normalised is None
    assert set(value.warnings) == {"few_effective", "lacking_support"}


def test_what_is_expected_of_a_row_has_not_seen_it():
    told = expect_by_action(np.array([0, 0, 1]), array(3, 1, 5), 2)
    # of the first: mean of the others 3; its action (1 + 10 · 3) / 11, the other (5 + 10 · 3) / 11
    assert told[0] == pytest.approx([31 / 11, 35 / 11])
    again = expect_by_action(np.array([0, 0, 1]), array(9, 1, 5), 2)
    assert told[0] == pytest.approx(again[0])


def test_decisions_of_a_person_count_once_for_how_sure_it_is():
    """Each of 50 persons decided for four times, with the same outcome: as sure as of 50 decisions, not of 200."""
    rewards = np.random.default_rng(0).random(50)
    columns = rewards, *(np.full(50, value) for value in (0.5, 0.5, 0.4, 0.6))
    once, four = Log(*columns), Log(*(np.tile(each, 4) for each in columns))
    four = replace(four, persons=np.tile(np.arange(50), 4))
    for name in ("inverse_propensity", "self_normalised", "doubly_robust"):
        assert getattr(evaluate_policy(four), name) == pytest.approx(getattr(evaluate_policy(once), name))


def test_one_person_says_nothing_of_others():
    with pytest.raises(ValueError, match="two persons"):
        evaluate_policy(Log(np.ones(9), np.ones(9), np.ones(9), persons=np.zeros(9, np.int64)))
