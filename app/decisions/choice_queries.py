"""SQL of decisions that policies are compared on, and of what is known of their customers for an audit alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.identifiers import BASKET

READ: Final = 20_000
"""So many decisions are looked through, the latest."""

_RECENT: Final = """
WITH latest AS (
  SELECT customer_id, decision_id, decided_us, receipt,
         coalesce(receipt #>> '{customer,person_id}', customer_id) AS person_id
  FROM decisions
  WHERE decided_us >= :from_us AND decided_us < :until_us AND NOT starts_with(customer_id, :basket)
  ORDER BY decided_us DESC LIMIT :read
), each AS (
  SELECT DISTINCT ON (person_id) * FROM latest
  WHERE receipt #>> '{request,learning_enabled}' = 'true' AND receipt ->> 'is_late' = 'false'
    AND CAST(receipt #>> '{request,max_actions}' AS int) > 0
    AND receipt #>> '{customer,refuses_profiling}' IS DISTINCT FROM 'true'
  ORDER BY person_id, decided_us DESC, decision_id
)
SELECT * FROM each ORDER BY md5(person_id) LIMIT :most
"""

_TOLD: Final = """
SELECT DISTINCT ON (asked.id) asked.id, event.data ->> :attribute AS value
FROM unnest(CAST(:ids AS text[])) AS asked (id)
LEFT JOIN persons AS own ON own.customer_id = asked.id
LEFT JOIN persons AS mate ON mate.person_id = own.person_id
JOIN events AS event
  ON event.customer_id = coalesce(mate.customer_id, asked.id) AND event.type = 'customer.identified'
WHERE event.data ->> :attribute IS NOT NULL
ORDER BY asked.id, event.occurred_us DESC, event.source, event.id
"""


async def read_recent(connection: AsyncConnection, from_us: int, until_us: int, most: int) -> Sequence[Any]:
    """Rows customer_id, decision_id, decided_us, receipt, person_id of `[from_us, until_us)`: of each person the latest
    decision in which a policy has a say; of more than `most` persons so many, as good as drawn."""
    given = {"from_us": from_us, "until_us": until_us, "basket": BASKET, "read": READ, "most": most}
    rows: Sequence[Any] = (await connection.execute(text(_RECENT), given)).all()
    return rows


async def read_attribute(connection: AsyncConnection, ids: Sequence[str], attribute: str) -> Mapping[str, str]:
    """Customer → what `customer.identified` last said of them or of another id of the person, as text."""
    rows = await connection.execute(text(_TOLD), {"ids": list(ids), "attribute": attribute})
    return {row.id: row.value for row in rows}
