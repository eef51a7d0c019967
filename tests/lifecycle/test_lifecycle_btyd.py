"""The chance of a lapse against the likelihoods that it is a ratio of."""

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.btyd import ALPHA_DAYS, HORIZON_DAYS, A, B, R, lapse_chance, lapse_chance_of_one
from app.lifecycle.events import ORDER_COMPLETED, Event
from app.lifecycle.features import FEATURE_NAMES, features_of_one
from app.lifecycle.measures import NUMERIC, fold


def likelihood(repeats, last_days, age_days):
    """L(x, t, T) up to what both of a ratio share, as the paper writes it (equation 6)."""
    stays = (ALPHA_DAYS + age_days) ** -(R + repeats)
    dropped = A / (B + repeats - 1) * (ALPHA_DAYS + last_days) ** -(R + repeats) if repeats else 0.0
    return stays + dropped


@pytest.mark.parametrize(
    ("repeats", "recency_days", "tenure_days"),
    [(0, 0, 0), (0, 400, 400), (1, 0, 1), (3, 20, 200), (3, 150, 200), (20, 2, 300), (20, 250, 300)],
)
def test_the_ratio_of_likelihoods(repeats, recency_days, tenure_days):
    last_days = tenure_days - recency_days
    expected = likelihood(repeats, last_days, tenure_days + HORIZON_DAYS) / likelihood(repeats, last_days, tenure_days)
    assert lapse_chance_of_one(repeats, recency_days, tenure_days) == pytest.approx(expected, rel=1e-12)


def test_silence_is_judged_against_the_own_pace():
    """Three weeks mean much for the weekly shopper and nothing for the one who comes each quarter."""
    weekly, quarterly = lapse_chance_of_one(50, 60, 410), lapse_chance_of_one(4, 60, 420)
    assert lapse_chance_of_one(50, 3, 353) < 0.2 < quarterly < 0.6 < weekly


@given(st.integers(0, 5000), st.floats(0, 20_000), st.floats(0, 1))
def test_a_chance_that_rises_with_silence_the_same_alone_and_among_many(repeats, tenure_days, share):
    recency_days = tenure_days if repeats == 0 else tenure_days * share
    alone = lapse_chance_of_one(float(repeats), recency_days, tenure_days)
    columns = [np.array([value, value], float) for value in (repeats, recency_days, tenure_days)]
    assert lapse_chance(*columns) == pytest.approx(alone, rel=1e-12)
    assert 0 < alone <= 1
    assert lapse_chance_of_one(float(repeats), recency_days + 1, tenure_days + 1) >= alone - 1e-9 or repeats == 0


def test_it_is_a_feature_and_unknown_for_those_who_have_not_bought():
    order = Event("C", "/till", "1", ORDER_COMPLETED, 0, None, None, "O", 100, 0, 1, 0, None, b"", "")
    at = FEATURE_NAMES.index("lapse_chance")
    days_us = 30 * 86_400_000_000
    assert features_of_one([fold([order])[m.name] for m in NUMERIC], days_us)[at] == lapse_chance_of_one(
        0.0, 30.0, 30.0
    )
    assert isnan(features_of_one([fold([])[m.name] for m in NUMERIC], days_us)[at])
