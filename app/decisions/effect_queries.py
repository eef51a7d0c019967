"""SQL of what actions brought about, against those who would have been offered the same and were not.

A person counts once for an action at a stage on a channel: by the first decision of the period that chose it, or of the
control group that would have, by the same policy and the same chance (`withheld`). Whether it was then shown or seen
does not matter: arms are compared as they were assigned. For the arms as wholes a person counts by the first decision
of the period.

It is read in pieces, each a statement of a second at most: first who counts, decisions in the order of time, into a
table of the transaction's own; then what came of them.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.background import yield_to_requests
from app.decisions.arm_queries import find_piece_end
from app.decisions.window_queries import AFTER, PERSON
from app.foundation.times import MAX_AHEAD_US

DECISIONS_AT_ONCE: Final = 5_000
PERSONS_AT_ONCE: Final = 2_000
SHARE: Final = 0.5
"""Of the time, that the database works for it."""

_MAKE_FIRSTS: Final = """
CREATE TEMPORARY TABLE firsts (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person_id text, customer_id text, decided_us bigint, arm text,
  action_id text, stage text, channel text, catalogue_version bigint, control_share float8, usual_share float8,
  UNIQUE NULLS NOT DISTINCT (person_id, action_id, stage, channel)
) ON COMMIT DROP
"""
_ADD_FIRSTS: Final = """
WITH made AS MATERIALIZED (
  SELECT decisions.decision_id, decisions.customer_id, decisions.decided_us, decisions.receipt,
         coalesce(decisions.receipt #>> '{customer,person_id}', decisions.customer_id) AS person_id,
         decisions.receipt #>> '{customer,arm}' AS arm, decisions.receipt #>> '{customer,stage}' AS stage,
         decisions.receipt #>> '{request,channel}' AS channel,
         CAST(decisions.receipt ->> 'catalogue_version' AS bigint) AS catalogue_version,
         CAST(decisions.receipt #>> '{policy,control_share}' AS float8) AS control_share,
         CAST(decisions.receipt #>> '{policy,usual_share}' AS float8) AS usual_share
  FROM decisions
  WHERE decisions.decided_us >= :from_us AND decisions.decided_us < :until_us
    AND NOT starts_with(decisions.customer_id, '~basket:') AND decisions.receipt #>> '{customer,arm}' IS NOT NULL
), meant AS (
  SELECT made.*, action.id AS action_id
  FROM made CROSS JOIN LATERAL json_object_keys(
    CASE made.arm WHEN 'control' THEN made.receipt -> 'withheld' ELSE made.receipt -> 'selection_probabilities' END
  ) AS action (id)
  WHERE made.arm <> 'business_as_usual'
)
INSERT INTO firsts (person_id, customer_id, decided_us, arm, action_id, stage, channel, catalogue_version,
                    control_share, usual_share)
(SELECT DISTINCT ON (person_id, action_id, stage, channel)
        person_id, customer_id, decided_us, arm, action_id, stage, channel, catalogue_version,
        control_share, usual_share
 FROM meant ORDER BY person_id, action_id, stage, channel, decided_us, decision_id)
UNION ALL
(SELECT DISTINCT ON (person_id)
        person_id, customer_id, decided_us, arm, NULL, NULL, NULL, NULL, control_share, usual_share
 FROM made ORDER BY person_id, decided_us, decision_id)
ON CONFLICT DO NOTHING
"""
_COUNT_FIRSTS: Final = "SELECT coalesce(max(number), 0) FROM firsts"
_COUNT_ARMS: Final = """
SELECT arm, control_share, usual_share, count(*) AS persons FROM firsts
WHERE action_id IS NULL AND control_share IS NOT NULL AND usual_share IS NOT NULL GROUP BY 1, 2, 3
"""
_MEASURE: Final = f"""
WITH measured AS (
  SELECT first.arm, first.action_id, first.stage, first.channel, after.orders, after.minor,
         coalesce(responded.any, false) AS responded,
         coalesce(CAST(coalesce(made_with.definition, actions.definition) ->> 'cost' AS float8), 0) AS cost
  FROM firsts AS first
  {PERSON}
  {AFTER}
  LEFT JOIN LATERAL (
    SELECT true AS any FROM events AS event
    WHERE event.customer_id = ANY(person.ids) AND event.kind = first.action_id
      AND event.type IN ('action.accepted', 'action.redeemed')
      AND event.occurred_us BETWEEN first.decided_us - CAST(:behind_us AS bigint) AND first.decided_us + :window_us
    LIMIT 1
  ) AS responded ON first.action_id IS NOT NULL
  LEFT JOIN actions ON actions.action_id = first.action_id
  LEFT JOIN LATERAL (
    SELECT version.definition FROM action_versions AS version
    WHERE version.action_id = first.action_id AND version.version <= first.catalogue_version
    ORDER BY version.version DESC LIMIT 1
  ) AS made_with ON true
  WHERE first.number > :after AND first.number <= :after + :most
)
SELECT action_id, stage, channel, arm, count(*) AS persons, count(*) FILTER (WHERE orders > 0) AS buyers,
       sum(minor) AS value_minor, sum(minor * minor) AS squares, count(*) FILTER (WHERE responded) AS responded,
       coalesce(sum(cost) FILTER (WHERE responded), 0) AS cost
FROM measured GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - ours alone


class Measured(NamedTuple):
    """What came of an action at a stage on a channel in an arm; without these three, of the arm as a whole. `cost` is
    what those who responded cost by the versions that they were decided with."""

    action_id: str | None
    stage: str | None
    channel: str | None
    arm: str
    persons: int
    buyers: int
    value_minor: float
    squares: float
    responded: int
    cost: float

    @property
    def cell(self) -> tuple[str, ...]:
        """What it is of, in the order in which it is told; the arms as wholes come last."""
        return (self.action_id or "~", self.stage or "", self.channel or "", self.arm)

    def with_more(self, other: "Measured") -> "Measured":
        """With other persons of the same."""
        sums: Iterator[Any] = (one + more for one, more in zip(self[4:], other[4:], strict=True))
        return Measured(*self[:4], *sums)


class ReadEffects(NamedTuple):
    """What came, and how many persons were of each arm under which shares: rows of arm, control_share, usual_share,
    persons."""

    measured: Sequence[Measured]
    arms: Sequence[Any]


async def read_effects(connection: AsyncConnection, from_us: int, until_us: int, window_us: int) -> ReadEffects:
    """By action, stage, channel and arm, of what was decided in `[from_us, until_us)`: persons, those who bought
    in `(decided, decided + window]` what was told of after the decision, what they bought net of refunds (minor units)
    and the sum of its squares, those who responded. Within a transaction.
    """
    await connection.execute(text(_MAKE_FIRSTS))
    await _find_firsts(connection, from_us, until_us)
    (last,) = (await connection.execute(text(_COUNT_FIRSTS))).one()
    given = {"window_us": window_us, "behind_us": MAX_AHEAD_US, "most": PERSONS_AT_ONCE}
    found: dict[tuple[str, ...], Measured] = {}
    for after in range(0, last, PERSONS_AT_ONCE):
        began_s = time.perf_counter()
        for row in map(Measured._make, await connection.execute(text(_MEASURE), {**given, "after": after})):
            found[row.cell] = found[row.cell].with_more(row) if row.cell in found else row
        await yield_to_requests(began_s, SHARE)
    arms = (await connection.execute(text(_COUNT_ARMS))).all()
    return ReadEffects([found[cell] for cell in sorted(found)], arms)


async def _find_firsts(connection: AsyncConnection, from_us: int, until_us: int) -> None:
    while from_us < until_us:
        began_s = time.perf_counter()
        end_us = await find_piece_end(connection, from_us, until_us, DECISIONS_AT_ONCE)
        await connection.execute(text(_ADD_FIRSTS), {"from_us": from_us, "until_us": end_us})
        await yield_to_requests(began_s, SHARE)
        from_us = end_us
