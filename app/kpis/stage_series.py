"""Stages over time: how many customers were in each at the ends of months, by the record of stages."""

from collections import Counter
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.settings import Settings
from app.foundation.times import iso
from app.kpis.periods import Period, begin_us, divide
from app.stages.queries import count_moves_between
from app.stages.service import STAGES

MOST_MONTHS: Final = 60


async def tell_stage_series(
    connection: AsyncConnection, whole: Period, settings: Settings, now_us: int
) -> dict[str, Any]:
    """Whole months that have begun, the first first; the one that is not over as of now."""
    months = [each.now for each in divide(whole, "month", "monday")]
    begun = [month for month in months if begin_us(month.first, settings.time_zone) <= now_us]
    ends_us = [min(begin_us(month.until, settings.time_zone), now_us) for month in begun]
    rows = await count_moves_between(connection, ends_us) if ends_us else []
    return {
        "months": [
            {
                "month": month.first.isoformat(),
                "at": iso(ends_us[place]),
                "is_complete": begin_us(month.until, settings.time_zone) <= now_us,
                "stages": _count_at(rows, place),
            }
            for place, month in enumerate(begun)
        ],
        "computed_afterwards": sum(row.computed for row in rows),
    }


def _count_at(rows: Any, place: int) -> dict[str, int]:
    """By the transitions up to an end: each takes customers from a stage to another."""
    counts: Counter[str | None] = Counter()
    for row in rows:
        if row.place <= place:
            counts[row.to_stage] += row.customers
            counts[row.from_stage] -= row.customers
    return {stage: counts[stage] for stage in STAGES}
