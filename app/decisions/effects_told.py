"""What actions brought about, told as the API tells it."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.arm_watch import is_mismatch, report_on
from app.decisions.effect_queries import read_effects
from app.decisions.effects import Money, compare
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.lifecycle.events import DAY_US


async def tell_effects(
    connection: AsyncConnection, from_us: int, to_us: int, settings: Settings, now_us: int
) -> dict[str, Any]:
    """Of what was decided in `[from_us, to_us)`, as `EffectsOfActionsOut` has it. Within a transaction."""
    read = await read_effects(connection, from_us, to_us, settings.attribution_days * DAY_US)
    told, ratio = compare(read.measured, Money(10**settings.digits, settings.margin)), report_on(read.arms)
    is_mismatched = is_mismatch(ratio)
    return {
        "from": iso(from_us),
        "to": iso(to_us),
        "window_days": settings.attribution_days,
        "is_mature": to_us + settings.attribution_days * DAY_US <= now_us,
        "currency": settings.currency,
        **told,
        "sample_ratio": {"p": ratio["p"], "is_mismatch": is_mismatched},
        "warnings": ["sample_ratio_mismatch"] if is_mismatched else [],
    }
