"""SQL of what actions brought about, against those who would have been offered the same and were not.

A person counts once for an action at a stage on a channel: by the first decision of the period that chose it, or of the
control group that would have, by the same policy and the same chance (`withheld`). Whether it was then shown or seen
does not matter: arms are compared as they were assigned. For the arms as wholes a person counts by the first decision
of the period.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.times import MAX_AHEAD_US

_EFFECTS: Final = """
WITH made AS MATERIALIZED (
  SELECT decisions.decision_id, decisions.customer_id, decisions.decided_us, decisions.receipt,
         coalesce(decisions.receipt #>> '{customer,person_id}', decisions.customer_id) AS person_id,
         decisions.receipt #>> '{customer,arm}' AS arm, decisions.receipt #>> '{customer,stage}' AS stage,
         decisions.receipt #>> '{request,channel}' AS channel
  FROM decisions
  WHERE decisions.decided_us >= :from_us AND decisions.decided_us < :until_us
    AND NOT starts_with(decisions.customer_id, '~basket:') AND decisions.receipt #>> '{customer,arm}' IS NOT NULL
), meant AS (
  SELECT made.decision_id, made.customer_id, made.decided_us, made.person_id, made.arm, made.stage, made.channel,
         action.id AS action_id
  FROM made CROSS JOIN LATERAL json_object_keys(
    CASE made.arm WHEN 'control' THEN made.receipt -> 'withheld' ELSE made.receipt -> 'selection_probabilities' END
  ) AS action (id)
  WHERE made.arm <> 'business_as_usual'
), firsts AS MATERIALIZED (
  (SELECT DISTINCT ON (person_id, action_id, stage, channel)
          person_id, customer_id, decided_us, arm, action_id, stage, channel
   FROM meant ORDER BY person_id, action_id, stage, channel, decided_us, decision_id)
  UNION ALL
  (SELECT DISTINCT ON (person_id) person_id, customer_id, decided_us, arm, NULL, NULL, NULL
   FROM made ORDER BY person_id, decided_us, decision_id)
), measured AS (
  SELECT firsts.arm, firsts.action_id, firsts.stage, firsts.channel, coalesce(spent.orders, 0) AS orders,
         CAST(coalesce(spent.minor, 0) AS float8) AS minor, coalesce(responded.any, false) AS responded
  FROM firsts
  CROSS JOIN LATERAL (
    SELECT array_agg(id) AS ids FROM (
      SELECT firsts.customer_id AS id
      UNION
      SELECT other.customer_id FROM persons AS own JOIN persons AS other ON other.person_id = own.person_id
      WHERE own.customer_id = firsts.customer_id
    ) AS members
  ) AS person
  LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kept.minor > 0) AS orders, sum(kept.minor) AS minor
    FROM (
      SELECT bought.amount_minor - coalesce((
        SELECT sum(refund.amount_minor) FROM events AS refund
        WHERE refund.type = 'order.refunded' AND refund.source = bought.source AND refund.reference = bought.reference
          AND refund.customer_id = bought.customer_id), 0) AS minor
      FROM events AS bought
      WHERE bought.customer_id = ANY(person.ids) AND bought.type = 'order.completed'
        AND bought.occurred_us > firsts.decided_us
        AND bought.occurred_us <= firsts.decided_us + CAST(:window_us AS bigint)
        AND bought.received_us > firsts.decided_us
    ) AS kept
  ) AS spent ON true
  LEFT JOIN LATERAL (
    SELECT true AS any FROM events AS event
    WHERE event.customer_id = ANY(person.ids) AND event.kind = firsts.action_id
      AND event.type IN ('action.accepted', 'action.redeemed')
      AND event.occurred_us BETWEEN firsts.decided_us - CAST(:behind_us AS bigint) AND firsts.decided_us + :window_us
    LIMIT 1
  ) AS responded ON firsts.action_id IS NOT NULL
)
SELECT action_id, stage, channel, arm, count(*) AS persons, count(*) FILTER (WHERE orders > 0) AS buyers,
       sum(minor) AS value_minor, sum(minor * minor) AS squares, count(*) FILTER (WHERE responded) AS responded
FROM measured GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


async def read_effects(connection: AsyncConnection, from_us: int, until_us: int, window_us: int) -> Sequence[Any]:
    """Rows by action, stage, channel and arm, of what was decided in `[from_us, until_us)`: persons, those who bought
    in `(decided, decided + window]` what was told of after the decision, what they bought net of refunds (minor units)
    and the sum of its squares, those who responded. Rows without action, stage and channel are of the arms as wholes.
    """
    given = {"from_us": from_us, "until_us": until_us, "window_us": window_us, "behind_us": MAX_AHEAD_US}
    rows: Sequence[Any] = (await connection.execute(text(_EFFECTS), given)).all()
    return rows
