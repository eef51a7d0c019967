"""The revenue tree as the API tells it."""

from fractions import Fraction
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.settings import Settings
from app.kpis.definitions import Kind, Reason
from app.kpis.periods import Period, compare
from app.kpis.queries import Span, read_first_event, read_left
from app.kpis.revenue import DRIVERS, Branch, Driver, Moved, Sold, decompose
from app.kpis.revenue_queries import count_branches
from app.kpis.service import span_of, tell_days, terms_of
from app.lifecycle.events import DAY_US, to_major

ComparedWith = Literal["previous", "year_before"]
_KIND: Final[Kind] = "order"
_MONEY: Final[frozenset[Driver]] = frozenset(("basket_value",))


async def tell_revenue_tree(
    connection: AsyncConnection, whole: Period, compared_with: ComparedWith, settings: Settings, now_us: int
) -> dict[str, Any]:
    """Sales of both periods, and what each branch and driver moved. Begins the transaction."""
    before: Period = getattr(compare(whole, "all"), compared_with)
    spans = [span_of(period, settings.time_zone) for period in (before, whole)]
    was, is_ = await count_branches(connection, spans, terms_of(settings, now_us))
    reason = await _why_not(connection, spans, settings)
    told = {
        "is_complete": spans[1].until_us <= now_us,
        "compared": tell_days(before),
        "reason": reason,
        "sales": None,
        "branches": [],
    }
    if reason is not None:
        return told
    digits = settings.digits
    before_minor, now_minor = (sum(sold.minor for sold in each.values()) for each in (was, is_))
    branches = [_tell_branch(branch, was[branch], is_[branch], digits) for branch in DRIVERS]
    return {**told, "sales": _tell_change(before_minor, now_minor, digits), "branches": branches}


async def _why_not(connection: AsyncConnection, spans: list[Span], settings: Settings) -> Reason | None:
    """Where one of the periods is not known, there is nothing to compare."""
    first_us, left_us = await read_first_event(connection), await read_left(connection)
    if first_us is None or any(span.until_us <= first_us for span in spans):
        return "before_the_first_event"
    window_us = settings.churn_horizon_days * DAY_US
    if any(span.from_us - window_us <= left_us.get(_KIND, -1) for span in spans):
        return "events_have_left"
    return None


def _tell_branch(branch: Branch, was: Sold, is_: Sold, digits: int) -> dict[str, Any]:
    moved = decompose(branch, was, is_)
    return {
        "branch": branch,
        **_tell_change(was.minor, is_.minor, digits),
        "drivers": [_tell_driver(each, digits) for each in moved],
    }


def _tell_driver(moved: Moved, digits: int) -> dict[str, Any]:
    unit = 10**digits if moved.driver in _MONEY else 1
    return {
        "driver": moved.driver,
        "before": _round(moved.before, unit),
        "value": _round(moved.value, unit),
        "change": to_major(moved.minor, digits),
    }


def _tell_change(before: int, now: int, digits: int) -> dict[str, float]:
    return {
        name: to_major(minor, digits) for name, minor in (("before", before), ("value", now), ("change", now - before))
    }


def _round(value: Fraction | None, unit: int) -> float | None:
    return None if value is None else round(float(value / unit), 6)
