"""Qini and uplift at a share, by hand: also where treating does harm, and where scores are equal."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.uplift_metrics import judge_chance, judge_uplift, qini, uplift_at


def rows(*each: tuple[float, int, float]) -> tuple[Any, Any, Any]:
    """Of (score, treated, outcome) each."""
    score, treated, outcome = zip(*each, strict=True)
    return np.array(score, float), np.array(treated, np.int64), np.array(outcome, float)


# The treated of high score respond, nobody else does: the curve reaches its end, .5, at half of the customers.
GOOD = rows((4, 1, 1), (3, 0, 0), (2, 1, 0), (1, 0, 0))
# Treating does harm to those of low score: the control responds, the treated do not; the curve ends at −.5.
HARM = rows((4, 1, 1), (3, 0, 1), (2, 1, 0), (1, 0, 1))


def test_the_area_by_hand():
    # q at 0, ¼, ½, ¾, 1 is 0, .5, .5, .5, .5; the straight line is 0, .125, .25, .375, .5
    assert qini(*GOOD) == pytest.approx(0.25 * (0.375 + 0.25 + 0.125 + 0.0 / 2))


def test_the_area_by_hand_where_the_average_effect_is_negative():
    # q at 0, ¼, ½, ¾, 1: 0, 1/2, (1 − 1 · 1/1)/2, (1 − 1 · 2/1)/2, (1 − 2 · 2/2)/2 = 0, .5, 0, −.5, −.5
    # the line: 0, −.125, −.25, −.375, −.5; the differences 0, .625, .25, −.125, 0
    assert qini(*HARM) == pytest.approx(0.25 * (0.625 + 0.25 - 0.125))
    score, treated, outcome = HARM
    # the other way round q is 0, 0 (nobody treated), −.5, −.5, −.5
    assert qini(-score, treated, outcome) == pytest.approx(0.25 * (0.125 - 0.25 - 0.125))


def test_whom_harm_spares_come_first_where_all_are_harmed():
    draw = np.random.default_rng(1)
    treated = draw.integers(2, size=40_000)
    harm = draw.random(40_000) * 0.4
    outcome = (draw.random(40_000) < 0.5 - harm * treated).astype(float)
    assert uplift_at(-harm, treated, outcome, 1.0) == pytest.approx(-0.2, abs=0.01)
    # curve: −.4 ∫ t dt = −.2 φ² per customer; the line −.2 φ; the area between .2 (1/2 − 1/3)
    assert qini(-harm, treated, outcome) == pytest.approx(0.2 / 6, abs=0.005)
    assert qini(harm, treated, outcome) == pytest.approx(-0.2 / 6, abs=0.005)


def test_uplift_in_the_foremost_share():
    assert uplift_at(*GOOD, share=0.5) == pytest.approx(1.0)
    assert uplift_at(*HARM, share=1.0) == pytest.approx(0.5 - 1.0)
    assert uplift_at(*GOOD, share=0.25) is None  # no control row


def test_equals_are_taken_in_part():
    score, treated, outcome = rows((2, 1, 1), (2, 0, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1), (1, 0, 0))
    # half of six: the two of score 2, and a quarter of the four of score 1
    assert uplift_at(score, treated, outcome, 0.5) == pytest.approx((1 + 0.25) / 1.5 - 0.25 / 1.5)


@given(st.permutations(range(8)))
def test_the_order_of_the_rows_does_not_matter(order):
    score, treated, outcome = rows(*[(i // 2, i % 2, (i * 7) % 3) for i in range(8)])
    places = np.array(order)
    assert judge_uplift(score[places], treated[places], outcome[places]) == pytest.approx(
        judge_uplift(score, treated, outcome)
    )


def test_chance_has_no_area_and_the_average_effect_everywhere():
    _, treated, outcome = HARM
    assert judge_chance(treated, outcome) == {
        "qini": pytest.approx(0.0, abs=1e-12),
        **{f"uplift_at_{share}": pytest.approx(-0.5) for share in (10, 20, 30)},
    }


def test_one_arm_says_nothing():
    assert judge_uplift(np.ones(3), np.ones(3, np.int64), np.ones(3))["qini"] is None
