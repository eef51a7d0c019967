"""Shares of a sample, and several channels put together."""

import numpy as np
import pytest

from app.lifecycle.simulations import Share, Tally, shares


def test_all_that_were_counted_have_no_interval():
    assert list(shares([6, 0], 10, 10)) == [Share(6, 0.6, None, None), Share(0, 0.0, None, None)]
    assert list(shares([0], 0, 0)) == [Share(0, 0.0, None, None)]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_intervals_hold_the_true_share_of_a_sample_without_return(share):
    customers, sampled = 2_000, 500
    counts = np.random.default_rng(1).hypergeometric(
        round(share * customers), round((1 - share) * customers), sampled, 2_000
    )
    told = list(shares(counts.tolist(), sampled, customers))
    held = np.mean([each.low <= share <= each.high for each in told])
    assert 0.93 <= held <= 0.98
    assert all(each.customers == round(each.share * customers) for each in told)


def width(*counted):
    (told,) = shares(*counted)
    assert told.low is not None
    assert told.high is not None
    return told.high - told.low


def test_the_interval_narrows_to_nothing_as_everybody_is_looked_at():
    assert width([30], 100, 10_000) > 0.15
    assert width([2_970], 9_900, 10_000) < 0.002


def test_of_several_channels_any_one_has_to_meet_all():
    tally = Tally(3)
    tally.add([[True, True], [True, False], [False, True]])
    assert (tally.customers, tally.alone, tally.after) == (1, [1, 1, 1], [1, 1, 0])
    tally.add([[True, True], [True, False], [True, True]])
    assert tally.after == [2, 2, 1]
