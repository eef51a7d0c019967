"""A KPI beside those before: by how much it moved, and whether that is good."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """A KPI of a period beside those before. `change`: of what it was, or, of a share, the difference; None: unknown.
    `tone`: whether that is good or bad, or neither."""

    value: Mapping[str, Any]
    change: float | None
    tone: str
    year_change: float | None
    year_tone: str


def figure_of(unit: str, better: str | None, value: Mapping[str, Any]) -> Figure:
    """Of a KPI as `KpiOut` has it."""
    changes = [_change(unit, value["value"], value[then]["value"]) for then in ("previous", "year_before")]
    (change, year), (tone, year_tone) = changes, [_tone(better, each) for each in changes]
    return Figure(value, change, tone, year, year_tone)


def _change(unit: str, now: float | None, then: float | None) -> float | None:
    if now is None or then is None:
        return None
    if unit in ("share", "net_promoters"):
        return now - then
    return (now - then) / abs(then) if then else None


def _tone(better: str | None, change: float | None) -> str:
    if not change or better is None:
        return "neither"
    return "good" if (change > 0) == (better == "up") else "bad"
