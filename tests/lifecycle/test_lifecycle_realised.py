"""Mean rewards of decisions, of sums over persons."""

import numpy as np
import pytest

from app.lifecycle.realised import Sums, lead_over, mean_of


def sums_of(rewards, decisions):
    rewards, decisions = np.array(rewards, float), np.array(decisions, float)
    squares = float((rewards**2).sum()), float((decisions**2).sum()), float((rewards * decisions).sum())
    return Sums(len(rewards), int(decisions.sum()), float(rewards.sum()), *squares)


def test_by_hand():
    """Of three persons with 1, 2 and 1 decisions that brought 3, 2 and 3: 2 each, off by 1, −2 and 1."""
    mean = mean_of(sums_of([3, 2, 3], [1, 2, 1]))
    assert mean is not None
    error = np.sqrt((1 + 4 + 1) * 3 / 2) / 4
    assert tuple(mean) == pytest.approx((2.0, 2.0 - 1.95996 * error, 2.0 + 1.95996 * error), abs=1e-4)


def test_one_decision_each_is_the_mean_as_ever():
    rewards = np.random.default_rng(1).random(50)
    mean = mean_of(sums_of(rewards, np.ones(50)))
    assert mean is not None
    assert mean.high - mean.value == pytest.approx(1.95996 * rewards.std(ddof=1) / np.sqrt(50), abs=1e-5)


def test_intervals_of_persons_who_come_again_hold_the_truth():
    """Nineteen of twenty, though a person's decisions bring alike."""
    draw, held = np.random.default_rng(2), 0
    for _ in range(400):
        decisions, person = draw.integers(1, 6, 150), draw.normal(1, 1, 150)
        mean = mean_of(sums_of(decisions * person, decisions))
        assert mean is not None
        held += mean.low < 1 < mean.high
    assert 0.92 <= held / 400 <= 0.98


def test_a_lead_has_the_variance_of_both():
    one, other = sums_of([3, 2, 3], [1, 1, 1]), sums_of([1, 0, 1, 0], [1, 1, 1, 1])
    lead, means = lead_over(one, other), (mean_of(one), mean_of(other))
    assert lead is not None
    assert means[0] is not None
    assert means[1] is not None
    assert lead.value == pytest.approx(means[0].value - means[1].value)
    halves = [each.high - each.value for each in means if each is not None]
    assert lead.high - lead.value == pytest.approx(np.hypot(halves[0], halves[1]))


def test_of_fewer_than_two_nothing_is_told():
    assert mean_of(Sums()) is None
    assert mean_of(sums_of([3], [1])) is None
    assert lead_over(sums_of([3, 1], [1, 1]), Sums()) is None
