"""Arms: who is in which, for ever; and whether they have their shares."""

import pytest

from app.lifecycle.arms import ARMS, MISMATCH, Arms, sample_ratio_p

PEOPLE = [f"C-{number}" for number in range(20_000)]
TENTHS = Arms(0.1, 0.1, b"secret")


def members(arms, arm):
    return {person for person in PEOPLE if arms.of(person) == arm}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("arm", ["control", "business_as_usual"])
def test_an_arm_has_its_share(arm, share):
    """Within four standard deviations."""
    arms = Arms(share, 0.2, b"secret") if arm == "control" else Arms(0.2, share, b"secret")
    assert len(members(arms, arm)) / 20_000 == pytest.approx(share, abs=4 * (share * (1 - share) / 20_000) ** 0.5)


def test_arms_stay_so_for_ever():
    """By name, so that a new hash cannot move customers between them unseen."""
    arms = Arms(0.1, 0.1, b"tests")
    assert [n for n in range(100) if arms.of(f"C-{n}") == "control"] == [
        *(6, 14, 16, 24, 33, 38, 46, 48, 56, 62, 78, 80, 84, 93)
    ]
    assert [n for n in range(100) if arms.of(f"C-{n}") == "business_as_usual"] == [
        *(9, 22, 28, 31, 36, 45, 53, 63, 66, 79)
    ]


def test_nobody_leaves_an_arm_whose_share_grows():
    grown = Arms(0.3, 0.25, b"secret")
    for arm in ("control", "business_as_usual"):
        assert members(TENTHS, arm) < members(grown, arm)


def test_another_secret_draws_others():
    """So whoever does not know it cannot tell."""
    assert members(TENTHS, "control") != members(Arms(0.1, 0.1, b"other"), "control")


def test_who_is_held_out_is_so_whatever_the_other_share():
    full = Arms(0.95, 0.5, b"secret")
    assert full.shares == pytest.approx({"control": 0.95, "business_as_usual": 0.05, "learner": 0.0})
    assert members(full, "control") == members(Arms(0.95, 0.0, b"secret"), "control")
    assert not members(full, "learner")


def test_the_ends():
    assert {Arms(0.0, 0.0).of(person) for person in PEOPLE} == {"learner"}
    assert {Arms(1.0, 0.0).of(person) for person in PEOPLE} == {"control"}


def of(control, usual, learner):
    return dict(zip(ARMS, (control, usual, learner), strict=True))


def test_a_ratio_as_the_tables_have_it():
    """χ² of two degrees of freedom: 9.21 is one in a hundred; of one: 7.68 is .0056."""
    even = of(100, 100, 100)
    assert sample_ratio_p(even, even) == 1.0
    assert sample_ratio_p(of(121.46, 78.54, 100), even) == pytest.approx(0.01, rel=0.01)
    assert sample_ratio_p(of(119.6, 0, 80.4), of(100, 0, 100)) == pytest.approx(0.0056, rel=0.02)


def test_too_few_to_tell_and_who_cannot_be():
    assert sample_ratio_p(of(50, 4, 50), of(4, 50, 50)) is None
    assert sample_ratio_p(of(0, 0, 100), of(0, 0, 100)) is None
    assert sample_ratio_p(of(1, 0, 99), of(0, 0, 100)) == 0.0


def test_arms_drawn_right_are_not_suspected():
    """Of a hundred shops with arms as they are drawn, hardly one."""
    suspected = 0
    for shop in range(100):
        arms = Arms(0.1, 0.1, str(shop).encode())
        found = [arms.of(person) for person in PEOPLE[:2000]]
        counts = {arm: found.count(arm) for arm in ARMS}
        p = sample_ratio_p(counts, {arm: 2000 * share for arm, share in arms.shares.items()})
        suspected += p is not None and p < MISMATCH
    assert suspected <= 1
