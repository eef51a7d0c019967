"""Probabilities of choosing: exact, with a floor and a cap, and blind to order."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.exploration import FLOOR_SHARE, STEEPNESS, draw_place, selection_probabilities

WORTHS = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40).map(lambda each: sorted(each, reverse=True))
SHARES = st.floats(0.0, 1.0)


def test_by_hand():
    # gaps of 0, .5 and 1 − 1/10 of the best; three may have the place
    near, far = 1 / (3 + STEEPNESS * 0.5), 1 / (3 + STEEPNESS * 0.9)
    floor = FLOOR_SHARE / 3
    above = (near + far - 2 * floor) / (near + far) if near + far > 2 * floor else 0.0
    told = selection_probabilities([10.0, 5.0, 1.0], 1.0)
    assert told == pytest.approx([1 - 2 * floor - above * (near + far), floor + above * near, floor + above * far])
    assert selection_probabilities([10.0, 9.99], 0.05) == pytest.approx([0.95, 0.05])
    assert selection_probabilities([10.0, 5.0, 1.0], 0.0) == [1.0, 0.0, 0.0]


@given(WORTHS, SHARES)
def test_they_add_up_and_none_is_negative(worths, share):
    told = selection_probabilities(worths, share)
    assert sum(told) == pytest.approx(1.0, abs=1e-12)
    assert min(told) >= 0.0


@given(WORTHS, SHARES)
def test_each_has_its_floor(worths, share):
    assert min(selection_probabilities(worths, share)) >= FLOOR_SHARE * share / len(worths) - 1e-12


@given(WORTHS, SHARES)
def test_what_is_not_the_best_is_capped(worths, share):
    told = zip(worths, selection_probabilities(worths, share), strict=True)
    assert sum(probability for worth, probability in told if worth < worths[0]) <= share + 1e-12


@given(WORTHS, SHARES)
def test_the_better_is_chosen_no_less_often_and_equals_alike(worths, share):
    told = selection_probabilities(worths, share)
    assert all(earlier >= later - 1e-12 for earlier, later in pairwise(told))
    by_worth: dict[float, float] = {}
    for worth, probability in zip(worths, told, strict=True):
        assert by_worth.setdefault(worth, probability) == pytest.approx(probability)


@given(WORTHS, SHARES, st.floats(1e-3, 1e3))
def test_the_currency_does_not_matter(worths, share, rate):
    converted = [worth * rate for worth in worths]
    if sorted(set(converted)) != sorted({worth * rate for worth in set(worths)}) or len(set(converted)) < len(
        set(worths)
    ):
        return  # two worths became one by rounding
    assert selection_probabilities(converted, share) == pytest.approx(selection_probabilities(worths, share), rel=1e-6)


def test_as_often_as_was_said():
    worths, draws = [10.0, 10.0, 9.0, 2.0, 1.0], 40_000
    told = selection_probabilities(worths, 0.4)
    drawn = [draw_place(worths, 0.4, f"d-{seed}", 0) for seed in range(draws)]
    assert all(probability == told[place] for place, probability in drawn)
    seen = Counter(place for place, _ in drawn)
    for place, probability in enumerate(told):
        deviation = (probability * (1 - probability) / draws) ** 0.5
        assert seen[place] / draws == pytest.approx(probability, abs=4 * deviation)


@given(WORTHS, SHARES, st.text(min_size=1, max_size=4))
def test_what_is_drawn_had_a_chance_and_it_is_told(worths, share, seed):
    place, probability = draw_place(worths, share, seed, 0)
    assert probability == selection_probabilities(worths, share)[place]
    assert probability > 0.0


def test_a_draw_is_repeatable_and_of_its_place():
    drawn = [draw_place([3.0] * 4, 0.1, "d-1", place) for place in range(20)]
    assert drawn == [draw_place([3.0] * 4, 0.1, "d-1", place) for place in range(20)]
    assert {*drawn} == {(place, 0.25) for place in range(4)}
