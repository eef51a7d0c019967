"""SQL of decisions that are prepared before they are shown."""

from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.reservation_queries import forget_offers

_ACTIVATE: Final = """
UPDATE decisions SET activated_us = :now_us, reserved_until_us = NULL
WHERE decision_id = :decision_id AND reserved_until_us > :now_us
RETURNING decision_id
"""
_OFFERED: Final = """LATERAL (
  SELECT json_object_keys(decisions.receipt -> 'selection_probabilities')
  UNION ALL
  SELECT json_object_keys(decisions.receipt -> 'withheld')
) AS offered (action_id)"""
"""What a decision chose, and what the control group goes without. Receipts of before tell of nothing withheld."""
_NOTE_SHOWN: Final = f"""
WITH shown AS (
  SELECT offers.customer_id, offers.action_id
  FROM decisions, {_OFFERED}, offers
  WHERE decisions.decision_id = :decision_id AND offers.customer_id = decisions.customer_id
    AND offers.action_id = offered.action_id AND offers.offered_us = decisions.decided_us
  ORDER BY offers.customer_id, offers.action_id FOR UPDATE OF offers
)
UPDATE offers SET offered_us = :now_us FROM shown
WHERE offers.customer_id = shown.customer_id AND offers.action_id = shown.action_id
"""  # noqa: S608 - ours alone
_FIND_EXPIRED: Final = """
SELECT customer_id, decision_id FROM decisions WHERE reserved_until_us <= :now_us
ORDER BY reserved_until_us LIMIT :most FOR UPDATE SKIP LOCKED
"""
_FIND_OFFERED: Final = f"""
SELECT decisions.customer_id, decisions.decision_id, offered.action_id, decisions.decided_us
FROM decisions, {_OFFERED}
WHERE decisions.decision_id = ANY(:decision_ids)
"""  # noqa: S608 - ours alone
_END: Final = """
UPDATE decisions SET activated_us = 0, reserved_until_us = NULL WHERE decision_id = ANY(:decision_ids)
"""


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
    if decision_ids:
        given = {"decision_ids": decision_ids}
        await forget_offers(connection, (await connection.execute(text(_FIND_OFFERED), given)).all())
        await connection.execute(text(_END), given)
    return decision_ids
