"""Cohorts: persons by the month of their first order, and how many of them order in each month after it.

Retention of a cohort in a month = those of it with an order in the month / the cohort (P. Fader, B. Hardie, How to
Project Customer Retention, 2007).
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import NotKept
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.kpis.cohort_queries import count_cohorts
from app.kpis.periods import Period, begin_us, divide
from app.kpis.queries import read_left
from app.lifecycle.events import to_major

MOST_MONTHS: Final = 36


async def tell_cohorts(
    connection: AsyncConnection, whole: Period, settings: Settings, now_us: int
) -> list[dict[str, Any]]:
    """A cohort for each month of whole ones, the first first. Raises NotKept where orders since its beginning have left
    the log."""
    firsts = [each.now.first for each in divide(whole, "month", "monday")]
    bounds_us = [begin_us(day, settings.time_zone) for day in (*firsts, whole.until)]
    left_us = (await read_left(connection)).get("order", -1)
    if bounds_us[0] <= left_us:
        raise NotKept("Orders of that time were summed up: ask from later on.", known_from=iso(left_us + 1))
    found = {(row.cohort, row.month): row for row in await count_cohorts(connection, bounds_us)}
    begun = sum(us <= now_us for us in bounds_us[:-1])
    return [_tell(place, firsts[:begun], bounds_us, found, settings, now_us) for place in range(1, begun + 1)]


def _tell(
    cohort: int, firsts: Sequence[date], bounds_us: Sequence[int], found: Any, settings: Settings, now_us: int
) -> dict[str, Any]:
    """Places count from 1."""
    size = found[cohort, cohort].customers if (cohort, cohort) in found else 0
    months = []
    for place in range(cohort, len(firsts) + 1):
        row = found.get((cohort, place))
        customers, sales_minor = (0, 0) if row is None else (row.customers, row.sales_minor)
        months.append(
            {
                "month": firsts[place - 1].isoformat(),
                "after": place - cohort,
                "customers": customers,
                "retention": round(customers / size, 6) if size else None,
                "sales": to_major(sales_minor, settings.digits),
                "is_complete": bounds_us[place] <= now_us,
            }
        )
    return {"month": firsts[cohort - 1].isoformat(), "customers": size, "months": months}
