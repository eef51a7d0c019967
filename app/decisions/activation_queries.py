"""SQL of decisions that are prepared before they are shown."""

from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ACTIVATE: Final = """
UPDATE decisions SET activated_us = :now_us, reserved_until_us = NULL
WHERE decision_id = :decision_id AND reserved_until_us > :now_us
RETURNING decision_id
"""
_NOTE_SHOWN: Final = """
UPDATE offers SET offered_us = :now_us
FROM decisions, LATERAL json_object_keys(decisions.receipt -> 'selection_probabilities') AS taken (action_id)
WHERE decisions.decision_id = :decision_id AND offers.customer_id = decisions.customer_id
  AND offers.action_id = taken.action_id AND offers.offered_us = decisions.decided_us
"""
_FIND_EXPIRED: Final = """
SELECT customer_id, decision_id FROM decisions WHERE reserved_until_us <= :now_us
ORDER BY reserved_until_us LIMIT :most FOR UPDATE SKIP LOCKED
"""
_EXPIRED: Final = """
SELECT decisions.customer_id, decisions.decided_us, taken.action_id,
       CAST(decisions.receipt #>> ARRAY['customer', 'offered_us', taken.action_id] AS bigint) AS before_us
FROM decisions, LATERAL json_object_keys(decisions.receipt -> 'selection_probabilities') AS taken (action_id)
WHERE decisions.reserved_until_us <= :now_us AND decisions.decision_id = ANY(:decision_ids)
"""
_GIVE_BACK: Final = (
    f"""
WITH expired AS ({_EXPIRED})
DELETE FROM offers USING expired
WHERE offers.customer_id = expired.customer_id AND offers.action_id = expired.action_id
  AND offers.offered_us = expired.decided_us AND expired.before_us IS NULL
""",  # noqa: S608 - ours alone
    f"""
WITH expired AS ({_EXPIRED})
UPDATE offers SET offered_us = expired.before_us FROM expired
WHERE offers.customer_id = expired.customer_id AND offers.action_id = expired.action_id
  AND offers.offered_us = expired.decided_us AND expired.before_us IS NOT NULL
""",  # noqa: S608 - ours alone
    """
UPDATE decisions SET activated_us = 0, reserved_until_us = NULL
WHERE reserved_until_us <= :now_us AND decision_id = ANY(:decision_ids)
""",
)
"""A cool-down begins where it stood before, unless the action was offered once more meanwhile."""


async def activate(connection: AsyncConnection, decision_id: str, now_us: int) -> bool:
    """Notes that a decision is shown now, where it is kept still; its cool-downs begin."""
    given: dict[str, Any] = {"decision_id": decision_id, "now_us": now_us}
    if (await connection.execute(text(_ACTIVATE), given)).first() is None:
        return False
    await connection.execute(text(_NOTE_SHOWN), given)
    return True


async def give_back(connection: AsyncConnection, now_us: int, most: int) -> list[str]:
    """Takes what was not shown in time off customers again: the decisions, at most so many."""
    found = await connection.execute(text(_FIND_EXPIRED), {"now_us": now_us, "most": most})
    decision_ids = [row.decision_id for row in found]
    for statement in _GIVE_BACK if decision_ids else ():
        await connection.execute(text(statement), {"now_us": now_us, "decision_ids": decision_ids})
    return decision_ids
