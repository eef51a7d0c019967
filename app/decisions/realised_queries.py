"""SQL of what came of decisions by arm and by a policy, and of what a policy chose when."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.outcome_queries import ROWS, WINDOWS, Rewarding
from app.foundation.times import MAX_AHEAD_US
from app.lifecycle.decisions import FOLLOW_UP_DAYS
from app.lifecycle.events import DAY_US
from app.lifecycle.identifiers import BASKET
from app.lifecycle.realised import Sums

POLICY_SIDE: Final = "policy"
MOST_COUNTED: Final = 20_000

_REALISED: Final = f"""
WITH {WINDOWS}, log AS ({ROWS}), final AS MATERIALIZED (SELECT * FROM log WHERE reward IS NOT NULL), unseen AS (
  SELECT decision_id, action_id, sum(minor / alike) AS minor
  FROM (SELECT *, count(*) OVER (PARTITION BY source, id) AS alike FROM shared WHERE shown = 0 AND bare = 0) AS sold
  GROUP BY 1, 2
), sides AS (
  SELECT arm AS side, person_id, CAST(count(DISTINCT decision_id) AS float8) AS decisions,
         sum(coalesce(CAST(nullif(unseen.minor, 0) AS float8) / :unit * :margin, reward)) AS reward
  FROM final LEFT JOIN unseen USING (decision_id, action_id) GROUP BY 1, 2
  UNION ALL
  SELECT CAST(:policy AS text), person_id, CAST(count(*) AS float8), sum(reward) FROM final
  WHERE arm = 'learner' AND coalesce(place, 1) = 1 AND receipt ->> 'policy_version' = :version
    AND (action_id IS NULL OR activated_us IS NOT NULL)
    AND receipt #>> '{{request,learning_enabled}}' = 'true'
    AND receipt #> '{{test,gives}}' IS NULL AND receipt ->> 'expected_values' <> '{{}}'
    AND receipt #>> '{{customer,has_open_complaint}}' = 'false'
    AND coalesce(decided_us - CAST(receipt #>> '{{customer,complaint_resolved_us}}' AS bigint), :settled_us)
        >= :settled_us
  GROUP BY 2
)
SELECT side, count(*) AS persons, CAST(sum(decisions) AS bigint) AS decisions, sum(reward) AS reward,
       sum(reward * reward) AS squared_rewards, sum(decisions * decisions) AS squared_decisions,
       sum(reward * decisions) AS crossed
FROM sides GROUP BY 1
"""  # noqa: S608 - ours alone

_CHOSEN: Final = """
WITH made AS NOT MATERIALIZED (
  SELECT decided_us, receipt FROM decisions
  WHERE decided_us >= :from_us AND decided_us < :until_us AND NOT starts_with(customer_id, :basket)
    AND receipt ->> 'policy_version' = :version AND receipt #>> '{customer,arm}' = 'learner'
), early AS (
  SELECT * FROM made WHERE decided_us < :early_us ORDER BY decided_us LIMIT :most
), late AS (
  SELECT * FROM made WHERE decided_us >= :late_us ORDER BY decided_us DESC LIMIT :most
), both_ AS (SELECT false AS is_late, receipt FROM early UNION ALL SELECT true, receipt FROM late)
SELECT is_late, coalesce((
         SELECT action_id FROM json_object_keys(receipt -> 'selection_probabilities')
           WITH ORDINALITY AS taken (action_id, place) ORDER BY place LIMIT 1
       ), '') AS action_id, count(*) AS decisions
FROM both_ GROUP BY 1, 2
"""


async def read_realised(
    connection: AsyncConnection, version: str, from_us: int, now_us: int, rewarding: Rewarding
) -> Mapping[str, Sums]:
    """By arm, and of a POLICY_SIDE: what came of decisions since `from_us` whose reward is final.

    Of an arm all decisions, all places of each together, with what was bought after decisions that were never shown
    alone: arms are compared as they were assigned, and the control group is credited all. Of a policy what
    `app.decisions.judging` judges: first places that it had a say in, and decisions in which nothing was worth it; not
    those in which nothing was eligible, which it was not judged by before.
    """
    given = {"from_us": from_us, "until_us": now_us, "now_us": now_us, "behind_us": MAX_AHEAD_US, "version": version}
    more = {"policy": POLICY_SIDE, "settled_us": FOLLOW_UP_DAYS * DAY_US}
    rows = await connection.execute(text(_REALISED), {**given, **more, **rewarding._asdict()})
    return {row.side: Sums(*(getattr(row, name) for name in Sums._fields)) for row in rows}


async def count_choices(
    connection: AsyncConnection, version: str, from_us: int, until_us: int, span_us: int
) -> tuple[dict[str, int], dict[str, int]]:
    """First action ('': none) → how many decisions of a policy chose it, in the first span of `[from_us, until_us)` and
    in the last; of the first and the last MOST_COUNTED."""
    spans = {"early_us": from_us + span_us, "late_us": until_us - span_us, "most": MOST_COUNTED}
    given: dict[str, Any] = {"from_us": from_us, "until_us": until_us, "version": version, "basket": BASKET}
    found: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for row in await connection.execute(text(_CHOSEN), {**given, **spans}):
        found[row.is_late][row.action_id] = row.decisions
    return found
