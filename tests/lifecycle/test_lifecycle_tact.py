"""Birthdays and ages, on the days on which they are easily got wrong."""

import pytest

from app.lifecycle.calendar_days import read_day
from app.lifecycle.tact import is_birthday, tactless, years_old

LEAP = (2004, 2, 29)


@pytest.mark.parametrize(
    ("birthday", "today", "years"),
    [
        ((2008, 11, 27), (2026, 11, 26), 17),
        ((2008, 11, 27), (2026, 11, 27), 18),
        (LEAP, (2022, 2, 28), 17),
        (LEAP, (2022, 3, 1), 18),
        (LEAP, (2024, 2, 29), 20),
    ],
)
def test_whole_years(birthday, today, years):
    assert years_old(birthday, today) == years


@pytest.mark.parametrize(
    ("birthday", "today", "is_one"),
    [
        ((1990, 5, 17), (2026, 5, 17), True),
        ((1990, 5, 17), (2026, 5, 18), False),
        (LEAP, (2024, 2, 29), True),
        (LEAP, (2024, 2, 28), False),
        (LEAP, (2026, 2, 28), True),
        (LEAP, (2026, 3, 1), False),
    ],
)
def test_birthdays(birthday, today, is_one):
    assert is_birthday(birthday, today) is is_one


@pytest.mark.parametrize(
    ("group", "days", "code"),
    [
        ("offer", 0.99, "just_refunded"),
        ("offer", 1.0, None),
        ("loyalty", 0.1, None),
        ("care", 0.1, None),
        ("survey", 13.99, "just_refunded"),
        ("survey", 14.0, None),
        ("service", 0.1, None),
    ],
)
def test_how_long_a_refund_is_left_in_peace(group, days, code):
    assert tactless(group, {"state.last_refund_days": days}, {}) == code


@pytest.mark.parametrize("told", [{"staff_card": "yes"}, {"staff_card": 1}, {"minor": None}])
def test_only_true_is_true(told):
    assert tactless("offer", {}, told) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1990-05-17", (1990, 5, 17)),
        ("1990-05-17T08:00:00Z", (1990, 5, 17)),
        ("2004-02-29", LEAP),
        ("2005-02-29", None),
        ("1990-13-01", None),
        ("1990-04-31", None),
        ("0000-01-01", None),
        ("1990-05-170", None),
        ("17.05.1990", None),
        ("None", None),
    ],
)
def test_days_are_read_where_there_is_such_a_day(text, day):
    assert read_day(text) == day
