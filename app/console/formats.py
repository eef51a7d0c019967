"""Numbers, money and times as a reader's language writes them, in the deployment's time zone and currency."""

from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from app.foundation.settings import Settings

Day = date
"""By which methods can name it beside one that is called `date`."""
NOTHING: Final = "–"
"""Stands for what is not known."""
_MOST: Final = 1e15
_MOMENTS: Final = {"en": "d MMM y, HH:mm", "zh": "y年M月d日 HH:mm"}
_DAYS: Final = {"en": "d MMM y", "zh": "y年M月d日"}
_MONTHS: Final = {"en": "LLLL y", "zh": "y年M月"}


class Formats(NamedTuple):
    """How a reader has figures written."""

    language: str
    zone: ZoneInfo
    currency: str

    @classmethod
    def of(cls, settings: Settings, language: str) -> "Formats":
        """By the settings."""
        return cls(language, ZoneInfo(settings.time_zone), settings.currency)

    def number(self, value: float | None, digits: int = 0) -> str:
        """With so many digits behind the point at most."""
        if value is None or _is_beyond(value):
            return _write_beyond(value)
        pattern = "#,##0." + "#" * digits if digits else "#,##0"
        return format_decimal(value, format=pattern, locale=self.language)

    def measure(self, value: float | None) -> str:
        """Of a model, to four digits."""
        return NOTHING if value is None else format_decimal(value, format="#,##0.0000", locale=self.language)

    def money(self, value: float | None) -> str:
        """Major units of the deployment's currency."""
        if value is None or _is_beyond(value):
            return _write_beyond(value)
        return format_currency(value, self.currency, locale=self.language)

    def share(self, value: float | None, digits: int = 0) -> str:
        """A part of one as a percentage."""
        if value is None or _is_beyond(value):
            return _write_beyond(value)
        return format_percent(value, format="0." + "0" * digits + "%" if digits else "0%", locale=self.language)

    def points(self, value: float | None) -> str:
        """A difference of shares, in percent of all, with its sign."""
        return NOTHING if value is None else format_percent(value, format="+0.0%;−0.0%", locale=self.language)

    def effect(self, value: float | None) -> str:
        """With its sign."""
        return NOTHING if value is None else format_decimal(value, format="+0.00;−0.00", locale=self.language)

    def gain(self, value: float) -> str:
        """Money with its sign."""
        return f"{'−' if value < 0 else '+'}{self.money(abs(value))}" if value else self.money(0.0)

    def change(self, value: float) -> str:
        """A count with its sign."""
        return format_decimal(value, format="+#,##0;−#,##0", locale=self.language) if value else "0"

    def unit(self, value: float | None, unit: str) -> str:
        """Of a KPI, in its unit."""
        match unit:
            case "money":
                return self.money(value)
            case "share":
                return self.share(value, 1)
            case "count" | "points":
                return self.number(value)
            case _:
                return self.number(value, 2)

    def moved(self, value: float | None, unit: str) -> str:
        """By how much a KPI moved: of a share points of a hundred, of a score points, of others a part of it."""
        if value is None:
            return NOTHING
        if unit == "net_promoters":
            return format_decimal(value, format="+0.0;−0.0", locale=self.language)
        return format_percent(value, format="+0.0%;−0.0%", locale=self.language)

    def moment(self, text: str | None) -> str:
        """A time as the API writes it, to the minute."""
        return self._write(text, _MOMENTS)

    def day(self, text: str | None) -> str:
        """Its day."""
        return self._write(text, _DAYS)

    def eve(self, text: str) -> str:
        """The last day before a time as the API writes it."""
        return self.day((datetime.fromisoformat(text) - timedelta(microseconds=1)).isoformat())

    def date(self, text: str) -> str:
        """A day of the deployment's time zone, as the API writes it."""
        return format_date(date.fromisoformat(text), _DAYS[self.language], locale=self.language)

    def month(self, day: Day | str) -> str:
        """The month of a day; as a text, as the API writes one."""
        day = date.fromisoformat(day) if isinstance(day, str) else day
        return format_date(day, _MONTHS[self.language], locale=self.language)

    def last(self, text: str) -> str:
        """The last day before one."""
        return self.date((date.fromisoformat(text) - timedelta(1)).isoformat())

    def _write(self, text: str | None, patterns: dict[str, str]) -> str:
        if text is None:
            return NOTHING
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        try:
            local = aware.astimezone(self.zone)
        except OverflowError:  # the calendar ends within the day
            local = aware
        return format_datetime(local, patterns[self.language], locale=self.language)


def _is_beyond(value: float) -> bool:
    """Whether it is more than anything that is counted: events may say so, and have it kept."""
    return not abs(value) < _MOST


def _write_beyond(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}"
