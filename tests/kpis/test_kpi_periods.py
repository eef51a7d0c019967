"""Periods and what they are compared with."""

from datetime import date
from itertools import pairwise

import pytest

from app.kpis.periods import Period, begin_us, compare, divide, today


def period(first, until):
    return Period(date.fromisoformat(first), date.fromisoformat(until))


def written(period):
    return f"{period.first}..{period.until}"


@pytest.mark.parametrize(
    ("first", "until", "by", "previous", "year_before"),
    [
        ("2025-03-01", "2025-04-01", "all", "2025-02-01..2025-03-01", "2024-03-01..2024-04-01"),
        ("2025-01-01", "2025-04-01", "store", "2024-10-01..2025-01-01", "2024-01-01..2024-04-01"),
        ("2025-03-01", "2025-03-11", "all", "2025-02-19..2025-03-01", "2024-03-01..2024-03-11"),
        ("2025-03-01", "2025-04-01", "month", "2025-02-01..2025-03-01", "2024-03-01..2024-04-01"),
        ("2025-03-01", "2025-03-31", "month", "2025-02-01..2025-03-01", "2024-03-01..2024-03-31"),
        ("2025-03-31", "2025-04-01", "month", "2025-02-28..2025-03-01", "2024-03-31..2024-04-01"),
        ("2025-02-01", "2025-03-01", "month", "2025-01-01..2025-02-01", "2024-02-01..2024-03-01"),
        ("2025-05-01", "2025-05-31", "month", "2025-04-01..2025-05-01", "2024-05-01..2024-05-31"),
        ("2025-03-03", "2025-03-10", "week", "2025-02-24..2025-03-03", "2024-03-04..2024-03-11"),
        ("2025-03-01", "2025-03-03", "week", "2025-02-22..2025-02-24", "2024-03-02..2024-03-04"),
        ("2024-02-29", "2024-03-01", "day", "2024-02-28..2024-02-29", "2023-02-28..2023-03-01"),
        ("2025-02-28", "2025-03-01", "day", "2025-02-27..2025-02-28", "2024-02-28..2024-02-29"),
    ],
)
def test_what_a_period_is_compared_with(first, until, by, previous, year_before):
    compared = compare(period(first, until), by)
    assert (written(compared.previous), written(compared.year_before)) == (previous, year_before)


@pytest.mark.parametrize("by", ["day", "week", "month"])
@pytest.mark.parametrize("week_start", ["monday", "wednesday", "sunday"])
def test_a_time_is_cut_without_gaps(by, week_start):
    whole = period("2023-12-30", "2024-03-02")
    cut = [each.now for each in divide(whole, by, week_start)]
    assert cut[0].first == whole.first
    assert cut[-1].until == whole.until
    assert all(one.until == other.first for one, other in pairwise(cut))
    if by == "week":
        assert {each.first.strftime("%A").lower() for each in cut[1:]} == {week_start}
    if by == "month":
        assert [each.first.day for each in cut[1:]] == [1] * 3


def test_midnight_is_that_of_the_zone():
    assert begin_us(date(2025, 4, 1), "Asia/Shanghai") == 1_743_436_800_000_000  # 2025-03-31T16:00Z
    assert begin_us(date(2025, 4, 1), "UTC") == 1_743_465_600_000_000
    leap = begin_us(date(2018, 11, 4), "America/Sao_Paulo")  # there was no midnight: 23:59:59 and then 01:00
    assert leap == 1_541_300_400_000_000
    assert today(leap - 1, "America/Sao_Paulo") == date(2018, 11, 3)
    assert today(leap, "America/Sao_Paulo") == date(2018, 11, 4)
