"""The chance of a lapse against the likelihoods that it is a ratio of."""

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.btyd import (
    ALPHA_DAYS,
    HORIZON_DAYS,
    A,
    B,
    R,
    prospects,
    prospects_of_one,
)
from app.lifecycle.events import ORDER_COMPLETED, Event
from app.lifecycle.features import FEATURE_NAMES, features_of_one
from app.lifecycle.measures import fold, numbers_of


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
    chance, _ = prospects_of_one(repeats, recency_days, tenure_days)
    assert chance == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("repeats", "recency_days", "tenure_days"), [(0, 200, 200), (1, 10, 90), (12, 90, 300)])
def test_the_pace_of_those_who_have_not_dropped_out(repeats, recency_days, tenure_days):
    """The mean rate of a gamma after so many orders in so much time, times the chance to be there still."""
    dropped = likelihood(repeats, tenure_days - recency_days, 1e300)
    alive = 1 - dropped / likelihood(repeats, tenure_days - recency_days, tenure_days)
    _, pace = prospects_of_one(repeats, recency_days, tenure_days)
    assert pace == pytest.approx(alive * HORIZON_DAYS * (R + repeats) / (ALPHA_DAYS + tenure_days), rel=1e-9)


def test_silence_is_judged_against_the_own_pace():
    """Three weeks mean much for the weekly shopper and nothing for the one who comes each quarter."""
    weekly, slow = prospects_of_one(50, 60, 410)
    here, brisk = prospects_of_one(50, 3, 353)
    quarterly, _ = prospects_of_one(4, 60, 420)
    assert here < 0.2 < quarterly < 0.6 < weekly
    assert slow < brisk / 5


@given(st.integers(0, 5000), st.floats(0, 20_000), st.floats(0, 1))
def test_a_chance_that_rises_with_silence_the_same_alone_and_among_many(repeats, tenure_days, share):
    recency_days = tenure_days if repeats == 0 else tenure_days * share
    alone, pace = prospects_of_one(float(repeats), recency_days, tenure_days)
    columns = [np.array([value, value], float) for value in (repeats, recency_days, tenure_days)]
    chances, paces = prospects(*columns)
    assert chances == pytest.approx(alone, rel=1e-12)
    assert paces == pytest.approx(pace, rel=1e-12)
    assert 0 < alone <= 1
    assert pace >= 0
    later, slower = prospects_of_one(float(repeats), recency_days + 1, tenure_days + 1)
    assert later >= alone - 1e-9 or repeats == 0
    assert slower <= pace


def test_they_are_features_and_unknown_for_those_who_have_not_bought():
    order = Event("C", "/till", "1", ORDER_COMPLETED, 0, None, None, "O", 100, 0, 1, 0, None, b"", "")
    at = [FEATURE_NAMES.index(name) for name in ("lapse_chance", "pace_orders")]
    days_us = 30 * 86_400_000_000
    known, unknown = (features_of_one(numbers_of(fold(events)), days_us) for events in ([order], []))
    assert tuple(known[j] for j in at) == prospects_of_one(0.0, 30.0, 30.0)
    assert all(isnan(unknown[j]) for j in at)
