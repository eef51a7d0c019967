"""When the demo shop is busy: seasons, weekdays, opening hours; and where its shops are."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final

import numpy as np
from numpy.random import Generator

from app.lifecycle.features import Floats

ZONE: Final = timezone(timedelta(hours=8))
DAY_S: Final = 86_400
WEEKDAYS: Final = np.array([0.80, 0.80, 0.85, 0.90, 1.10, 1.35, 1.20])  # Monday first, mean 1
# Peaks of the year, with the share of the seasonal shoppers who wait for each.
PEAKS: Final = {"spring_festival": 0.35, "singles_day": 0.30, "summer": 0.20, "christmas": 0.15}
SEASONS: Final = (  # name, first and last (month, day); Spring Festival moves with the moon
    ("summer", (6, 15), (8, 31)),
    ("singles_day", (10, 24), (11, 12)),
    ("christmas", (11, 25), (12, 25)),
)
SHOPS: Final = ("store-01", "store-02", "store-03", "store-04")
# Orders by hour of the day: the shops are open from 9 to 22, the web never closes.
HOURS: Final = {
    "store": [0] * 9 + [3, 6, 8, 6, 4, 4, 5, 7, 10, 12, 10, 7, 3, 0, 0],
    "web": [3, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 7, 6, 5, 5, 5, 5, 6, 8, 11, 13, 11, 6],
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a simulation, the first from `origin`, a local midnight; the arrays have shape (days,).

    `busy` is the traffic of the shop against a usual day, `peaks[name]` is 1 in that season, else 0.
    The simulation ends `end_s` seconds after the origin, within the last day.
    """

    origin: datetime
    end_s: int
    busy: Floats
    peaks: dict[str, Floats]


def find_spring_festival(year: int) -> date:
    """The new moon nearest to 5 February by the mean synodic month, right to about a day."""
    new_moon, month_days = datetime(2000, 1, 7, 2, 14, tzinfo=ZONE), 29.530588853
    moons = round((datetime(year, 2, 5, 12, tzinfo=ZONE) - new_moon) / timedelta(days=month_days))
    return (new_moon + moons * timedelta(days=month_days)).date()


def find_peak(day: date) -> str | None:
    """The shopping season that `day` belongs to."""
    if any(0 < (find_spring_festival(year) - day).days <= 28 for year in (day.year, day.year + 1)):
        return "spring_festival"
    return next((name for name, first, last in SEASONS if first <= (day.month, day.day) <= last), None)


def draw_calendar(until: datetime, days: int) -> Calendar:
    """The days from the first local midnight at or after `until` − `days` up to `until`."""
    start = until.astimezone(ZONE) - timedelta(days=days)
    origin = start.replace(hour=0, minute=0, second=0, microsecond=0)
    origin += timedelta(days=1) if origin < start else timedelta()
    end_s = (until - origin) // timedelta(seconds=1)
    dates = [(origin + timedelta(days=day)).date() for day in range(end_s // DAY_S + 1)]
    names = [find_peak(day) for day in dates]
    peaks = {peak: np.array([name == peak for name in names], dtype=np.float64) for peak in PEAKS}
    holiday = [0 <= (day - find_spring_festival(day.year)).days <= 4 for day in dates]
    yearly = 1 + 0.45 * peaks["spring_festival"] + 0.35 * peaks["singles_day"] + 0.15 * peaks["christmas"]
    weekly = WEEKDAYS[[day.weekday() for day in dates]]
    return Calendar(origin, end_s, weekly * np.where(holiday, 0.3, yearly), peaks)


def draw_peak(rng: Generator) -> str:
    return str(rng.choice(list(PEAKS), p=list(PEAKS.values())))


def draw_shop(rng: Generator, home: str) -> str:
    return home if rng.random() < 0.9 else str(rng.choice(SHOPS))


def draw_clock_s(rng: Generator, channel: str) -> int:
    """Seconds after midnight."""
    cumulated = np.cumsum(HOURS[channel])
    hour = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
    return hour * 3_600 + int(rng.integers(3_600))


def draw_later_s(rng: Generator, at_s: int, days_max: int) -> int:
    """A time within opening hours, one to `days_max` days after the day of `at_s`."""
    day = at_s // DAY_S + int(rng.integers(1, days_max + 1))
    return day * DAY_S + draw_clock_s(rng, "store")
