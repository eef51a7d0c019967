"""Whether some customers are treated otherwise beside all others: by hand, and how often chance alone says so."""

import numpy as np
import pytest

from app.lifecycle.fairness import FALSE_ALARM, FEWEST_MEMBERS, find_shifts

CHOSEN = ("coupon", "gift")


def shares(*columns):
    return np.column_stack([np.asarray(column, np.float64) for column in columns])


def of(shifts, chosen):
    (found,) = [shift for shift in shifts if shift.chosen == chosen]
    return found


def test_by_hand():
    """Of 100 members .4 were chosen and .2 are, of 300 others .2 and .4; a hundredth is put to each."""
    own = np.arange(400) < 100
    before = shares(np.where(own, 0.4, 0.2), np.zeros(400))
    after = shares(np.where(own, 0.2, 0.4), np.zeros(400))
    (shift,) = find_shifts({("tier", "low"): own}, CHOSEN, before, after)
    assert (shift.attribute, shift.member, shift.chosen, shift.customers) == ("tier", "low", "coupon", 100)
    assert (shift.before, shift.after, shift.before_others, shift.after_others) == pytest.approx((0.4, 0.2, 0.2, 0.4))
    assert shift.ratio == pytest.approx((0.21 / 0.41) ** 2)
    assert shift.is_disparate


def test_who_had_less_and_has_as_much_less_is_treated_as_before():
    """The rules differ by tier, and so does the candidate, who gives everybody twice as much."""
    draw = np.random.default_rng(1)
    own = np.arange(1000) < 400
    before = shares(draw.random(1000) < np.where(own, 0.15, 0.3), np.ones(1000))
    after = shares(draw.random(1000) < np.where(own, 0.3, 0.6), np.ones(1000))
    shift = of(find_shifts({("tier", "low"): own}, CHOSEN, before, after), "coupon")
    assert shift.low < 1 < shift.high
    assert not shift.is_disparate


@pytest.mark.parametrize(("share", "told"), [(0.27, False), (0.22, True)])
def test_a_change_of_less_than_a_fifth_is_tolerated_however_sure_it_is(share, told):
    own = np.arange(100_000) < 50_000
    before, after = np.full(100_000, 0.3), np.where(own, share, 0.3)
    shift = of(find_shifts({("tier", "low"): own}, CHOSEN, shares(before, before), shares(after, after)), "coupon")
    assert shift.high < 1
    assert shift.is_disparate == told


def test_what_hardly_anybody_is_given_decides_nothing():
    own = np.arange(100_000) < 50_000
    before, after = np.full(100_000, 0.0005), np.where(own, 0.002, 0.0005)
    shift = of(find_shifts({("tier", "low"): own}, CHOSEN, shares(before, before), shares(after, after)), "coupon")
    assert not shift.is_disparate


def test_of_few_nothing_is_said_nor_of_what_nobody_is_given():
    few, most = np.arange(200) < FEWEST_MEMBERS - 1, np.arange(200) >= FEWEST_MEMBERS - 1
    everything, nothing = np.ones(200), np.zeros(200)
    members = {("tier", "high"): few, ("tier", "low"): most}
    assert find_shifts(members, CHOSEN, shares(everything, nothing), shares(nothing, nothing)) == []
    members = {("tier", "high"): ~(np.arange(200) < 100)}
    found = find_shifts(members, CHOSEN, shares(everything, nothing), shares(everything, nothing))
    assert [shift.chosen for shift in found] == ["coupon"]
    assert find_shifts(members, CHOSEN, np.zeros((0, 2)), np.zeros((0, 2))) == []


def test_chance_alone_seldom_trips_it():
    """500 candidates who treat everybody alike, on 300 customers of four groups: one of twenty alarms at the most."""
    draw, alarms = np.random.default_rng(7), 0
    for _ in range(500):
        groups = draw.integers(4, size=300)
        members = {("group", str(group)): groups == group for group in range(4)}
        before, after = (shares(*(draw.random(300) < share for share in each)) for each in ((0.1, 0.4), (0.3, 0.2)))
        alarms += any(shift.is_disparate for shift in find_shifts(members, CHOSEN, before, after))
    assert alarms / 500 <= FALSE_ALARM + 0.02
