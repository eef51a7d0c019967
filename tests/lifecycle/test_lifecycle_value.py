"""Value tiers: who holds how much of the expected spend."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.value import (
    CURVE_POINTS,
    TierBounds,
    ValueCurve,
    ValueShares,
    spend_if_staying,
    value_curve,
)

SPENDS = np.array([100.0, 500.0, 50.0, 200.0, 50.0, 100.0])
"""Together 1,000: half of it one customer's."""


def test_the_curve_by_hand():
    curve = value_curve(SPENDS)
    assert curve.spend_minor.tolist() == [500.0, 200.0, 100.0, 50.0]
    assert curve.share == pytest.approx([0.5, 0.7, 0.9, 1.0])


@pytest.mark.parametrize(
    ("shares", "bounds"),
    [
        ((0.6, 0.3), (200.0, 100.0)),
        ((0.5, 0.2), (500.0, 200.0)),
        ((0.51, 0.2), (200.0, 100.0)),
        ((0.7, 0.3), (200.0, 50.0)),
        ((0.0, 0.5), (inf, 500.0)),
        ((0.0, 0.0), (inf, inf)),
        ((1.0, 1.0), (50.0, 50.0)),
        ((0.5, 0.0), (500.0, 500.0)),
    ],
)
def test_who_is_in_which_tier_by_hand(shares, bounds):
    """The customer with whom a share is reached is within it."""
    assert value_curve(SPENDS).bounds(ValueShares(*shares)) == bounds


def test_usual_shares():
    bounds = value_curve(SPENDS).bounds(ValueShares())
    assert [bounds.tier(spend) for spend in (500.0, 200.0, 199.99, 100.0, 99.0, 0.0)] == [
        *("high", "high", "medium", "medium", "low", "low")
    ]


def test_nobody_is_known():
    for spends in (np.empty(0), np.zeros(3)):
        curve = value_curve(spends)
        assert len(curve.share) == 0
        assert curve.bounds(ValueShares()).tier(10.0) == "low"


@given(st.lists(st.floats(0.01, 1e9), min_size=1, max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_each_tier_holds_its_share(spends, high, medium):
    """At least its share, and without its least customers less than it."""
    spends = np.array(spends)
    bounds = value_curve(spends).bounds(ValueShares(high, medium))
    total = spends.sum()
    for bound, share in ((bounds.high_minor, high), (bounds.medium_minor, min(high + medium, 1.0))):
        assert spends[spends >= bound].sum() >= total * (share - 1e-6)
        assert spends[spends > bound].sum() <= total * (share + 1e-6)


def test_a_long_curve_is_kept_short_and_loses_little():
    spends = np.random.default_rng(3).lognormal(9, 1.5, 50_000)
    curve = value_curve(spends)
    assert len(curve.share) <= CURVE_POINTS
    assert curve.share[-1] == 1.0
    assert (np.diff(curve.spend_minor) < 0).all()
    assert (np.diff(curve.share) > 0).all()
    high = curve.bounds(ValueShares(0.6, 0.3)).high_minor
    assert spends[spends >= high].sum() / spends.sum() == pytest.approx(0.6, abs=1.5 / CURVE_POINTS)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_tiers_of_many_are_those_of_each(spends):
    bounds = TierBounds(5e5, 1e5)
    assert bounds.tiers(np.array(spends)).tolist() == [bounds.tier(spend) for spend in spends]


def test_a_curve_is_what_it_is_given():
    curve = ValueCurve(np.array([10.0, 5.0]), np.array([0.4, 1.0]))
    assert curve.bounds(ValueShares(0.4, 0.1)) == (10.0, 5.0)


@pytest.mark.parametrize(
    ("spend", "risk", "at_stake"), [(300.0, 0.0, 300.0), (300.0, 0.5, 600.0), (1.0, 0.99, 20.0), (1.0, 1.0, 20.0)]
)
def test_what_is_at_stake_is_what_they_spend_if_they_stay(spend, risk, at_stake):
    assert spend_if_staying(spend, risk) == pytest.approx(at_stake)
