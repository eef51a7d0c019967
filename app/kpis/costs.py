"""Costs of acquisition: those of a period, from what was put for other times."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from app.kpis.periods import Period


class Cost(NamedTuple):
    """What was spent on these days, each alike; of no channel by itself: empty."""

    channel: str
    period: Period
    amount_minor: int


def overlaps(costs: Iterable[Cost], new: Cost) -> bool:
    """Whether another of the same channel has some of the days, and not just the same ones."""
    others = (each for each in costs if each.channel == new.channel and each.period.first != new.period.first)
    return any(_shared_days(each.period, new.period) for each in others)


def cost_of(costs: Sequence[Cost], period: Period) -> float | None:
    """Minor units, of all these costs together; None: there is a day of which none is known."""
    shared = [(each, _shared_days(each.period, period)) for each in costs]
    if not _is_covered([each.period for each, days in shared if days], period):
        return None
    return sum(each.amount_minor * days / each.period.days for each, days in shared)


def _shared_days(one: Period, other: Period) -> int:
    return max((min(one.until, other.until) - max(one.first, other.first)).days, 0)


def _is_covered(known: Sequence[Period], period: Period) -> bool:
    reached: date = period.first
    for each in sorted(known):
        if each.first > reached:
            return False
        reached = max(reached, each.until)
    return reached >= period.until
