"""Whether some customers are treated otherwise beside all others: by hand, and how often chance alone says so."""

import numpy as np
import pytest

from app.lifecycle.fairness import FALSE_ALARM, FEWEST_MEMBERS, find_shifts

CHOSEN = ("coupon", "gift")


def shares(*columns):
    return np.column_stack([np.asarray(column, np.float64) for column in columns])


def tiers(own):
    """Everybody is of one of two."""
    return {("tier", "low"): own, ("tier", "high"): ~own}


def of(shifts, chosen, member="low"):
    (found,) = [shift for shift in shifts if (shift.chosen, shift.member) == (chosen, member)]
    return found


def test_by_hand():
    """Of 100 members .4 were chosen and .2 are, of 300 others .2 and .4; a hundredth is put to each."""
    own = np.arange(400) < 100
    before = shares(np.where(own, 0.4, 0.2), np.zeros(400))
    after = shares(np.where(own, 0.2, 0.4), np.zeros(400))
    shift = of(find_shifts(tiers(own), CHOSEN, before, after), "coupon")
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
    shift = of(find_shifts(tiers(own), CHOSEN, before, after), "coupon")
    assert shift.low < 1 < shift.high
    assert not shift.is_disparate


@pytest.mark.parametrize(("share", "told"), [(0.27, False), (0.22, True)])
def test_a_change_of_less_than_a_fifth_is_tolerated_however_sure_it_is(share, told):
    own = np.arange(100_000) < 50_000
    before, after = np.full(100_000, 0.3), np.where(own, share, 0.3)
    shift = of(find_shifts(tiers(own), CHOSEN, shares(before, before), shares(after, after)), "coupon")
    assert shift.high < 1
    assert shift.is_disparate == told


def test_what_hardly_anybody_is_given_decides_nothing():
    own = np.arange(100_000) < 50_000
    before, after = np.full(100_000, 0.0005), np.where(own, 0.002, 0.0005)
    shift = of(find_shifts(tiers(own), CHOSEN, shares(before, before), shares(after, after)), "coupon")
    assert not shift.is_disparate


def test_of_few_nothing_is_said_nor_of_what_nobody_is_given():
    few, most = np.arange(200) < FEWEST_MEMBERS - 1, np.arange(200) >= FEWEST_MEMBERS - 1
    everything, nothing = np.ones(200), np.zeros(200)
    members = {("tier", "high"): few, ("tier", "low"): most}
    assert find_shifts(members, CHOSEN, shares(everything, nothing), shares(nothing, nothing)) == []
    members = tiers(np.arange(200) < 100)
    found = find_shifts(members, CHOSEN, shares(everything, nothing), shares(everything, nothing))
    assert [shift.chosen for shift in found] == ["coupon", "coupon"]
    nobody = tiers(np.zeros(0, np.bool_))
    assert find_shifts(nobody, CHOSEN, np.zeros((0, 2)), np.zeros((0, 2))) == []


def test_what_makes_shares_alike_sets_nobody_apart():
    """The high tier had it, and nobody has it any more; or everybody. What turns shares about is told."""
    own = np.arange(1000) < 500
    before, none = np.where(own, 0.0, 0.3), np.zeros(1000)
    for after, told in ((none, False), (np.full(1000, 0.3), False), (np.where(own, 0.3, 0.0), True)):
        shift = of(find_shifts(tiers(own), CHOSEN, shares(before, none), shares(after, none)), "coupon")
        assert shift.low > 1
        assert shift.is_disparate == told


def test_who_is_no_member_of_the_attribute_is_no_one_of_the_others():
    """Whoever has not bought has no tier: what they are given no longer says nothing of tiers."""
    place = np.arange(900)
    members = {("tier", "low"): place < 300, ("tier", "high"): (place >= 300) & (place < 600)}
    before, after = np.full(900, 0.3), np.where(place < 600, 0.3, 0.0)
    shift = of(find_shifts(members, CHOSEN, shares(before, before), shares(after, after)), "coupon")
    assert (shift.before_others, shift.after_others, shift.ratio) == pytest.approx((0.3, 0.3, 1.0))


def test_chance_alone_seldom_trips_it():
    """500 candidates who treat everybody alike, on 300 customers of four groups: one of twenty alarms at the most."""
    draw, alarms = np.random.default_rng(7), 0
    for _ in range(500):
        groups = draw.integers(4, size=300)
        members = {("group", str(group)): groups == group for group in range(4)}
        before, after = (shares(*(draw.random(300) < share for share in each)) for each in ((0.1, 0.4), (0.3, 0.2)))
        alarms += any(shift.is_disparate for shift in find_shifts(members, CHOSEN, before, after))
    assert alarms / 500 <= FALSE_ALARM + 0.02
