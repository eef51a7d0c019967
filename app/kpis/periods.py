"""Days, weeks and months of the calendar, and those that they are compared with. Ends are the day after the last.

A part of a month is compared with the same part of another: of the 31st with the last that there is.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from app.foundation.times import to_us
from app.kpis.definitions import SERIES, By

WeekStart = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEK: Final = 7
_WEEKDAYS: Final[tuple[WeekStart, ...]] = get_args(WeekStart)
_YEAR_OF_WEEKS: Final = 364
_YEAR: Final = 12


class Period(NamedTuple):
    """Days `[first, until)`."""

    first: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.first).days

    @property
    def months(self) -> int:
        """From the month of its first day to that of its end."""
        return _YEAR * (self.until.year - self.first.year) + self.until.month - self.first.month

    @property
    def is_whole_months(self) -> bool:
        return self.first.day == self.until.day == 1


class Compared(NamedTuple):
    """A period, the one before and that of a year before."""

    now: Period
    previous: Period
    year_before: Period


def begin_us(day: date, zone: str) -> int:
    """Microseconds of local midnight; where a clock leaps over it, of that leap."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))


def today(now_us: int, zone: str) -> date:
    """The local day."""
    return datetime.fromtimestamp(now_us / 1e6, ZoneInfo(zone)).date()


def next_month(day: date) -> date:
    """Its first day."""
    return _move(day.replace(day=1), 1)


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last of that month."""
    return _move(day, -months)


def divide(whole: Period, by: By, week_start: WeekStart) -> list[Compared]:
    """The days, weeks or months of a time, each with what it is compared with; else the time as one. Weeks and months
    at its ends are no longer than it."""
    if by not in SERIES:
        return [compare(whole, by)]
    return [compare(each, by) for each in _cut(whole, by, week_start)]


def _cut(whole: Period, by: By, week_start: WeekStart) -> Iterator[Period]:
    first = whole.first
    while first < whole.until:
        until = min(_next(first, by, week_start), whole.until)
        yield Period(first, until)
        first = until


def _next(day: date, by: By, week_start: WeekStart) -> date:
    if by == "month":
        return next_month(day)
    if by == "week":
        return day + timedelta(WEEK - (day.weekday() - _WEEKDAYS.index(week_start)) % WEEK)
    return day + timedelta(1)


def compare(period: Period, by: By) -> Compared:
    """With the day, week or month before; else with the same number of months, where it is of whole ones, or days.

    Of a week, a year before is 52 weeks, so that weekdays are the same; else it is the same dates.
    """
    year_before = _back(period, _YEAR_OF_WEEKS) if by == "week" else _shift(period, -_YEAR)
    return Compared(period, _before(period, by), year_before)


def _before(period: Period, by: By) -> Period:
    if by == "month":
        return _shift(period, -1)
    if by == "week":
        return _back(period, WEEK)
    if by != "day" and period.is_whole_months:
        return _shift(period, -period.months)
    return _back(period, period.days)


def _back(period: Period, days: int) -> Period:
    return Period(period.first - timedelta(days), period.until - timedelta(days))


def _shift(period: Period, months: int) -> Period:
    """By its first day and its last: a month's end stays one."""
    if period.days == 1:
        first = _move(period.first, months)
        return Period(first, first + timedelta(1))
    if period.until.day == 1:
        return Period(_move(period.first, months), _move(period.until, months))
    last = _move(period.until - timedelta(1), months)
    return Period(_move(period.first, months), last + timedelta(1))


def _move(day: date, months: int) -> date:
    """The same day of another month, or its last."""
    at = day.year * _YEAR + day.month - 1 + months
    year, month = at // _YEAR, at % _YEAR + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
