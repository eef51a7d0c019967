"""What becomes of a model that was judged: it takes the seat, or stays a challenger, with the figures in the audit."""

import time
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import transaction
from app.foundation.errors import NotPromotable
from app.models import queries
from app.models.gates import NO_GATES, Gates
from app.models.kinds import SCORE
from app.models.service import promote, record_kept

BY: Final = "retraining"


class Verdict(NamedTuple):
    """Whether the challenger may take the champion's place; the sentence has the numbers."""

    is_better: bool
    sentence: str


async def settle(
    engine: AsyncEngine,
    champion: str | None,
    challenger: str,
    verdict: Verdict,
    kind: str = SCORE,
    gates: Gates = NO_GATES,
) -> str:
    """Promotes the challenger, or says in the audit why not: it is worse, or the gate of its kind holds it up. Nothing
    changes that was changed meanwhile."""
    async with transaction(engine) as connection:
        await queries.lock_registry(connection)
        active = await queries.read_active_models(connection)
        held = {row.state: row.version for row in active if row.kind == kind}
        if (held.get("champion"), held.get("challenger")) != (champion, challenger):
            return f"{verdict.sentence} Meanwhile the registry was changed; it is left as it is."
        told, when = verdict.sentence, "all the same"
        if verdict.is_better:
            try:
                await promote(connection, challenger, now_us(), BY, told, gates)
            except NotPromotable as error:
                told, when = f"{told} {error}", "then"
            else:
                instead = "" if champion is None else f" in the place of {champion}"
                return f"{told} {challenger} is in force{instead}."
        await record_kept(connection, challenger, now_us(), BY, told)
        way_out = f"'perennial models promote {challenger}' puts it in force {when}"
        return f"{told} {challenger} stays a challenger; {way_out}."


def now_us() -> int:
    """As the registry counts time."""
    return time.time_ns() // 1000
