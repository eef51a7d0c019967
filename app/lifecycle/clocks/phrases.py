"""Why an item is due, in a sentence for people, English or Chinese, with the numbers of its clock."""

from math import floor
from typing import Final, NamedTuple

from app.lifecycle.events import DAY_US
from app.lifecycle.phrases import CHINESE

_OWN_RHYTHM_ORDERS: Final = 3
"""Two gaps make a mean of the customer's own; before, the rhythm is mostly the item's."""
_FEW_DAYS: Final = 2
"""A gap that rounds to less is told as every day."""


class Habit(NamedTuple):
    """Of one customer and item: how often it was bought, when, and the gap by which it is due; None: it is not."""

    orders: float
    first_us: float
    last_us: float
    gap_days: float | None


def say_habit(habit: Habit, as_of_us: int, language: str) -> str:
    """The customer's own mean gap where they have one, else the one by which the item is due; and the last purchase.

    As days are counted: 10.9 days ago are 10. Gaps are rounded. Several purchases of one day are no rhythm.
    """
    is_chinese = language == CHINESE
    silent_days = max(floor((as_of_us - habit.last_us) / DAY_US), 0)
    is_own = habit.orders >= _OWN_RHYTHM_ORDERS or habit.gap_days is None
    said = _say_own(habit, is_chinese) if is_own else _say_usual(habit, is_chinese)
    return f"{said}{'，' if is_chinese else ', '}{_write_last(silent_days, is_chinese)}"


def _say_own(habit: Habit, is_chinese: bool) -> str:
    span_days = (habit.last_us - habit.first_us) / DAY_US
    is_twice = habit.orders < _OWN_RHYTHM_ORDERS
    if span_days < 1.0:
        times = f"{habit.orders:,.0f}"
        if is_chinese:
            return f"一天之内买过{'两' if is_twice else f' {times} '}次"
        return f"Bought {'twice' if is_twice else f'{times} times'} within a day"
    if is_twice:
        days = round(span_days)
        return f"买过两次，相隔 {days:,} 天" if is_chinese else f"Bought twice, {_count_days(days)} apart"
    pace = _write_pace(round(span_days / (habit.orders - 1)), is_chinese)
    return f"平均{pace}买一次" if is_chinese else f"Bought {pace} on average"


def _say_usual(habit: Habit, is_chinese: bool) -> str:
    days = max(round(habit.gap_days or 0.0), 1)
    return f"通常约 {days:,} 天后再买" if is_chinese else f"Usually bought again after {_count_days(days)}"


def _write_pace(days: int, is_chinese: bool) -> str:
    if days < _FEW_DAYS:
        return "每天" if is_chinese else "every day"
    return f"每 {days:,} 天" if is_chinese else f"every {days:,} days"


def _write_last(days: int, is_chinese: bool) -> str:
    if is_chinese:
        return f"上次是 {days:,} 天前" if days else "上次是不到 1 天前"
    return f"last {_count_days(days)} ago" if days else "last less than a day ago"


def _count_days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"
