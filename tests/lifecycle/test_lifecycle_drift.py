"""Population stability, by hand: tenths, the unknown, empty bins."""

from math import log

import numpy as np
import pytest

from app.lifecycle.drift import BINS, count_reference, place, psi, reference
from app.lifecycle.features import FEATURE_NAMES

FIRST = FEATURE_NAMES[0]
NAN = float("nan")


def of_first(values):
    """Features that are known of the first one only."""
    features = np.full((len(values), len(FEATURE_NAMES)), np.nan)
    features[:, 0] = values
    return features


def test_the_reference_holds_a_tenth_in_each_bin():
    found = reference(of_first([*range(20, 0, -1)]))
    assert found["edges"][0].tolist() == [3, 5, 7, 9, 11, 13, 15, 17, 19]
    assert found["counts"][0].tolist() == [0] + [2] * BINS


def test_what_is_unknown_has_a_bin_of_its_own():
    found = reference(of_first([NAN, NAN, NAN, *range(10)]))
    assert found["counts"][0].tolist() == [3] + [1] * BINS
    assert found["counts"][1].tolist() == [13] + [0] * BINS
    assert np.isfinite(found["edges"]).all()


def test_one_value_that_fills_several_tenths_is_in_one_bin():
    found = reference(of_first([1, 1, 1, 1, 1, 1, 1, 1, 2, 3]))
    assert sorted(found["counts"][0].tolist()) == [0] * 8 + [1, 1, 8]


def test_the_same_customers_have_not_drifted():
    rows = np.random.default_rng(1).normal(size=(500, len(FEATURE_NAMES)))
    assert set(psi(reference(rows), rows).values()) == {0.0}


def test_the_index_is_that_of_the_formula():
    """Two values, 80 and 20 of 100, then 30 and 70 of 100; half a customer is added to each bin."""
    found = psi(reference(of_first([0] * 80 + [1] * 20)), of_first([0] * 30 + [1] * 70))
    p, q = (80.5 / 101, 20.5 / 101), (30.5 / 101, 70.5 / 101)
    expected = (q[0] - p[0]) * log(q[0] / p[0]) + (q[1] - p[1]) * log(q[1] / p[1])
    assert found[FIRST] == pytest.approx(expected)
    assert found[FIRST] == pytest.approx(1.0919, abs=1e-4)
    assert found[FEATURE_NAMES[1]] == 0.0


def test_a_bin_that_is_empty_in_one_of_them_is_finite():
    """All were known, now none is: p is (1, 10 × 1/10) of 100, q the unknown alone."""
    found = psi(reference(of_first([*range(100)])), of_first([NAN] * 100))
    of_bin = (10.5 / 105.5 - 0.5 / 105.5) * log(10.5 / 0.5)
    of_unknown = (100.5 / 105.5 - 0.5 / 105.5) * log(100.5 / 0.5)
    assert found[FIRST] == pytest.approx(10 * of_bin + of_unknown)


def test_it_does_not_matter_how_many_customers_there_are():
    expected, few, many = [0] * 600 + [1] * 400, [0] * 50 + [1] * 50, [0] * 5000 + [1] * 5000
    at = reference(of_first(expected))
    assert psi(at, of_first(few))[FIRST] == pytest.approx(psi(at, of_first(many))[FIRST], rel=0.05)


def test_a_sample_of_the_same_population_is_within_its_noise():
    """The mean over many features is (bins − 1)(1/n + 1/m)."""
    draws = np.random.default_rng(7)
    known, today = (draws.normal(size=(n, len(FEATURE_NAMES))) for n in (4000, 1000))
    indices = list(psi(reference(known), today).values())
    assert np.mean(indices) == pytest.approx(9 * (1 / 4000 + 1 / 1000), rel=0.3)
    assert max(indices) < 0.1


def test_another_population_is_seen_in_the_feature_that_moved():
    draws = np.random.default_rng(7)
    rows = draws.normal(size=(1000, len(FEATURE_NAMES)))
    moved = rows.copy()
    moved[:, 3] += 1.0
    found = psi(reference(rows), moved)
    assert found[FEATURE_NAMES[3]] > 0.25
    assert {name for name, value in found.items() if value} == {FEATURE_NAMES[3]}


def test_values_beyond_the_reference_count_at_its_ends():
    found = psi(reference(of_first([*range(100)])), of_first([-1e9] * 5 + [*range(5, 95)] + [1e9] * 5))
    assert found[FIRST] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("rows", "kept"),
    [(np.zeros((3, 4)), reference(of_first([1, 2]))), (of_first([1]), reference(np.zeros((3, 4))))],
)
def test_features_of_another_definition_are_not_compared(rows, kept):
    with pytest.raises(ValueError, match="other features"):
        psi(kept, rows)


def test_a_feature_that_a_model_does_not_know_has_no_index():
    """The model knows two features, kept in another order than that of today."""
    draws = np.random.default_rng(3)
    then, now = draws.normal(size=(200, 2)), np.full((100, len(FEATURE_NAMES)), np.nan)
    now[:, :3] = draws.normal(size=(100, 3))
    placed = place(reference(then), [1, None, 0, *[None] * (len(FEATURE_NAMES) - 3)], 2)
    found = psi(placed, now)
    assert list(found) == [FEATURE_NAMES[0], FEATURE_NAMES[2]]
    assert found[FIRST] == psi(reference(of_first(then[:, 1])), now)[FIRST]
    assert count_reference(placed) == 200
    assert count_reference(place(reference(then), [None, 0, *[None] * (len(FEATURE_NAMES) - 2)], 2)) == 200


def test_a_reference_of_another_number_of_features_is_not_placed():
    with pytest.raises(ValueError, match="other features"):
        place(reference(np.zeros((3, 4))), [0, 1], 3)
