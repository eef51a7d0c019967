"""`GET /v1/recommendations/effects`."""

import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from app.database.engine import transaction
from app.foundation.errors import Malformed
from app.foundation.times import iso
from app.http.resources import Resources
from app.http.routes import requires
from app.http.times import Moment, read_moment
from app.lifecycle.events import DAY_US, to_major
from app.recommendations.due_queries import TENTHS, read_due_that_came
from app.recommendations.effect_queries import read_effects
from app.recommendations.schemas import EffectsOut

MOST_DAYS: Final = 92

router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"], dependencies=[requires("read")])


@router.get("/effects", response_model=EffectsOut, summary="What became of recommendations")
async def get_effects(
    request: Request, from_: Annotated[Moment, Query(alias="from")], to: Moment | None = None
) -> dict[str, Any]:
    """Shown, clicked, added and bought items, and revenue, by scenario and position, of what was recommended in a time
    of up to 92 days; and whether what was called due was bought. `to` left out: now."""
    resources: Resources = request.app.state.resources
    now_us = time.time_ns() // 1000
    from_us = read_moment(from_, "from", now_us)
    to_us = now_us if to is None else read_moment(to, "to", now_us)
    if not from_us <= to_us <= from_us + MOST_DAYS * DAY_US:
        raise Malformed(f"to: It is not before from, and at most {MOST_DAYS} days after it.")
    async with transaction(resources.surveys) as connection:
        rows = await read_effects(connection, from_us, to_us)
        came = await read_due_that_came(connection, from_us, to_us, now_us)
    effects = [_render(row, resources.settings.digits) for row in rows]
    due = [_render_due(row) for row in came]
    return {"from": iso(from_us), "to": iso(to_us), "effects": effects, "due": due}


def _render(row: Any, digits: int) -> dict[str, Any]:
    return {
        "scenario": row.scenario,
        "position": row.position,
        **{name: getattr(row, name) for name in ("given", "shown", "clicked", "added", "bought")},
        "click_rate": _rate(row.clicked, row.shown),
        "conversion": _rate(row.bought, row.shown),
        "revenue": to_major(float(row.revenue_minor), digits),
    }


def _render_due(row: Any) -> dict[str, Any]:
    return {
        "said_from": row.tenth / TENTHS,
        "said_to": (row.tenth + 1) / TENTHS,
        "items": row.number,
        "said": round(row.said, 6),
        "bought": round(row.bought / row.number, 6),
    }


def _rate(count: int, shown: int) -> float | None:
    return round(count / shown, 6) if shown else None
