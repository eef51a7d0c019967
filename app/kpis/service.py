"""KPIs of a time, each beside the period before and the year before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.settings import Settings
from app.kpis.catalogue import KPIS
from app.kpis.cost_queries import read_costs
from app.kpis.costs import Cost, cost_of
from app.kpis.definitions import SERIES, By, Kind, Kpi, Measures, Value, evaluate_all, undefined
from app.kpis.periods import Compared, Period, WeekStart, begin_us, divide
from app.kpis.queries import Counted, Span, Terms, count_all, read_first_event, read_left
from app.lifecycle.events import DAY_US

MOST_CELLS: Final = 500
_HOUR_US: Final = 3_600_000_000
_LEFT: Final = undefined("events_have_left")
_BEFORE: Final = {kpi.name: undefined("before_the_first_event") for kpi in KPIS}


class Asked(NamedTuple):
    """What is asked for."""

    whole: Period
    by: By
    week_start: WeekStart


class _Reading(NamedTuple):
    """What was read, to be told of each period and cell."""

    counted: Counted
    costs: Sequence[Cost]
    first_event_us: int | None
    left_us: Mapping[Kind, int]
    by: By
    settings: Settings

    def span(self, period: Period) -> Span:
        return span_of(period, self.settings.time_zone)

    def tell(self, period: Period, cell: str) -> dict[str, Value]:
        span = self.span(period)
        if self.first_event_us is None or span.until_us <= self.first_event_us:
            return _BEFORE
        measures: Measures = {**self.counted.get((span, cell), {}), **self._cost(period, cell)}
        told = evaluate_all(KPIS, self.by, measures, self.settings.digits)
        return {**told, **{kpi.name: _LEFT for kpi in KPIS if self._have_left(kpi, span)}}

    def _have_left(self, kpi: Kpi, span: Span) -> bool:
        from_us = span.from_us - (self.settings.churn_horizon_days * DAY_US if kpi.looks_back else 0)
        return any(from_us <= self.left_us.get(kind, -1) for kind in kpi.of)

    def _cost(self, period: Period, cell: str) -> dict[str, float]:
        costs = [each for each in self.costs if self.by != "channel" or each.channel == cell]
        cost_minor = cost_of(costs, period)
        return {} if cost_minor is None else {"cost_minor": cost_minor}


async def tell_kpis(connection: AsyncConnection, asked: Asked, settings: Settings, now_us: int) -> dict[str, Any]:
    """Rows by time, or by cell, those that sold most first; at most MOST_CELLS. Begins the transaction."""
    compared = divide(asked.whole, asked.by, asked.week_start)
    periods = list(dict.fromkeys(period for each in compared for period in each))
    spans = [span_of(period, settings.time_zone) for period in periods]
    counted = await count_all(connection, spans, asked.by, terms_of(settings, now_us))
    around = Period(min(each.first for each in periods), max(each.until for each in periods))
    costs = await read_costs(connection, around)
    first_us, left_us = await read_first_event(connection), await read_left(connection)
    reading = _Reading(counted, costs, first_us, left_us, asked.by, settings)
    cells = _cells(reading, compared[0]) if asked.by not in SERIES else [""]
    rows = [_row(reading, each, cell, now_us) for each in compared for cell in cells[:MOST_CELLS]]
    return {"rows": rows, "left_out": max(len(cells) - MOST_CELLS, 0)}


def span_of(period: Period, zone: str) -> Span:
    """Of local days."""
    return Span(begin_us(period.first, zone), begin_us(period.until, zone))


def terms_of(settings: Settings, now_us: int) -> Terms:
    """By the settings."""
    return Terms(
        now_us,
        settings.churn_horizon_days * DAY_US,
        round(settings.first_response_hours * _HOUR_US),
        settings.margin,
    )


def _cells(reading: _Reading, compared: Compared) -> list[str]:
    """Of the period and of those that it is compared with."""
    if reading.by == "all":
        return [""]
    spans = [reading.span(period) for period in compared]
    found: Iterable[str] = {cell for span, cell in reading.counted if span in spans}
    if reading.by == "channel":
        found = {*found, *(each.channel for each in reading.costs)}
    return sorted(found, key=lambda cell: (-reading.counted.get((spans[0], cell), {}).get("sales_minor", 0), cell))


def _row(reading: _Reading, compared: Compared, cell: str, now_us: int) -> dict[str, Any]:
    now, previous, year_before = (reading.tell(period, cell) for period in compared)
    return {
        **tell_days(compared.now),
        "key": compared.now.first.isoformat() if reading.by in SERIES else cell or None,
        "is_complete": reading.span(compared.now).until_us <= now_us,
        "previous": tell_days(compared.previous),
        "year_before": tell_days(compared.year_before),
        "kpis": {
            name: {
                **value._asdict(),
                "previous": previous[name]._asdict(),
                "year_before": year_before[name]._asdict(),
            }
            for name, value in now.items()
        },
    }


def tell_days(period: Period) -> dict[str, str]:
    """As `PeriodOut` has them."""
    return {"from": period.first.isoformat(), "to": period.until.isoformat()}
