"""Why an item is due, in words that are true to its numbers."""

import pytest

from app.lifecycle.clocks.phrases import Habit, say_habit
from app.lifecycle.events import DAY_US


def habit(orders, first_days, last_days, gap_days):
    return Habit(orders, -first_days * DAY_US, -last_days * DAY_US, gap_days)


@pytest.mark.parametrize(
    ("bought", "en", "zh"),
    [
        (
            habit(11, 100, 10, 12.0),
            "Bought every 9 days on average, last 10 days ago",
            "平均每 9 天买一次，上次是 10 天前",
        ),
        (habit(3, 12.9, 10.9, 30), "Bought every day on average, last 10 days ago", "平均每天买一次，上次是 10 天前"),
        (
            habit(3, 1.9, 1.2, 30),
            "Bought 3 times within a day, last 1 day ago",
            "一天之内买过 3 次，上次是 1 天前",
        ),
        (
            habit(2, 40, 1, 50.4),
            "Usually bought again after 50 days, last 1 day ago",
            "通常约 50 天后再买，上次是 1 天前",
        ),
        (
            habit(1, 0.2, 0.2, 0.5),
            "Usually bought again after 1 day, last less than a day ago",
            "通常约 1 天后再买，上次是不到 1 天前",
        ),
        (
            habit(2, 300.2, 54, None),
            "Bought twice, 246 days apart, last 54 days ago",
            "买过两次，相隔 246 天，上次是 54 天前",
        ),
        (habit(2, 3.1, 3, None), "Bought twice within a day, last 3 days ago", "一天之内买过两次，上次是 3 天前"),
        (
            habit(3, 2500, 100, 1200),
            "Bought every 1,200 days on average, last 100 days ago",
            "平均每 1,200 天买一次，上次是 100 天前",
        ),
    ],
)
def test_sentences(bought, en, zh):
    assert say_habit(bought, 0, "en") == en
    assert say_habit(bought, 0, "zh") == zh
