"""SQL of what came of decisions: the learning log.

A row is an action of a decision, or a decision that took none (`action_id` NULL: the control group, or nobody was
eligible). Its columns:

- `decision_id`, `customer_id`, `person_id` (that the decision was made for, by the receipt), `decided_us`,
  `activated_us` (NULL: not shown, or not yet), `channel`, `stage`, `arm`, `model_version`, `receipt` (all that was
  known: features of the customer, context, worths of the other actions, policy).
- `place` (1 is the first), `action_id`, `propensity` (the probability with which the action took its place), `worth`.
- `delivered_us`, `opened_us`, `accepted_us`, `declined_us`, `redeemed_us`: when it was first said, NULL: it was not.
- `response` (0 to 1): accepted or redeemed, shared with the other decisions that the word may be about.
- `purchases_minor`: all that the person bought in the window, net of what was given back of it;
  `credited_minor`: this row's share of it. The shares of an order add up to one over the actions that were shown in
  whose windows it falls, and over the decisions without action where it falls in no window of an action: where some of
  these withheld actions of the control group, over what was withheld, as it would be over what is shown.
- `reward`: NULL until `reward_wait` has passed; margin of what is credited less the action's cost as it responded, by
  the version that it was decided with (of before versions: as it is now); of what nothing came, `default_reward`. In
  major units.

An outcome is what is said by an event `action.*` of the action and the decision, or of the action and any id of the
person with no decision named, in `[decided, decided + window]`, where clocks of shops may be behind ours by
MAX_AHEAD_US; and what is bought in `(decided, decided + window]` and was told of after the decision: no decision is
followed by the order of its own checkout, however far ahead the till's clock is. A word without a decision is shared
equally between the decisions of that action whose windows it falls in; of one that names it, it is that one's alone.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.window_queries import GIVEN_BACK
from app.foundation.settings import Settings
from app.foundation.times import MAX_AHEAD_US
from app.lifecycle.events import DAY_US

WINDOWS: Final = f"""
made AS MATERIALIZED (
  SELECT decisions.decision_id, decisions.customer_id, decisions.decided_us, decisions.receipt,
         coalesce(decisions.receipt #>> '{{customer,person_id}}', decisions.customer_id) AS person_id,
         CASE WHEN decisions.activated_us > 0 THEN decisions.activated_us
              WHEN decisions.activated_us IS NULL AND decisions.reserved_until_us IS NULL THEN decisions.decided_us
         END AS activated_us,
         decided.person_id AS now_id
  FROM decisions LEFT JOIN persons AS decided ON decided.customer_id = decisions.customer_id
  WHERE decisions.decided_us >= CAST(:from_us AS bigint) - CAST(:window_us AS bigint)
    AND decisions.decided_us < CAST(:until_us AS bigint) + :window_us
    AND NOT starts_with(decisions.customer_id, '~basket:')
), chosen AS MATERIALIZED (
  SELECT made.decision_id, made.decided_us, made.activated_us, taken.action_id, taken.place,
         CAST(taken.propensity AS float8) AS propensity,
         CASE WHEN taken.action_id IS NULL
              THEN (SELECT count(*) FROM json_object_keys(made.receipt -> 'withheld')) ELSE 0 END AS withheld
  FROM made LEFT JOIN LATERAL json_each_text(made.receipt -> 'selection_probabilities')
    WITH ORDINALITY AS taken (action_id, propensity, place) ON true
), ids AS (
  SELECT decision_id, customer_id FROM made
  UNION
  SELECT made.decision_id, persons.customer_id FROM made JOIN persons ON persons.person_id = made.now_id
), said AS (
  SELECT chosen.decision_id, chosen.action_id, event.type, event.occurred_us,
         1.0 / count(*) OVER (PARTITION BY event.source, event.id) AS credit
  FROM chosen JOIN ids ON ids.decision_id = chosen.decision_id
  JOIN events AS event ON event.customer_id = ids.customer_id AND event.kind = chosen.action_id
   AND event.type IN ('action.delivered', 'action.opened', 'action.accepted', 'action.declined', 'action.redeemed')
   AND event.occurred_us BETWEEN chosen.decided_us - CAST(:behind_us AS bigint) AND chosen.decided_us + :window_us
   AND (event.reference = chosen.decision_id OR event.reference IS NULL)
), answered AS (
  SELECT decision_id, action_id,
         min(occurred_us) FILTER (WHERE type = 'action.delivered') AS delivered_us,
         min(occurred_us) FILTER (WHERE type = 'action.opened') AS opened_us,
         min(occurred_us) FILTER (WHERE type = 'action.accepted') AS accepted_us,
         min(occurred_us) FILTER (WHERE type = 'action.declined') AS declined_us,
         min(occurred_us) FILTER (WHERE type = 'action.redeemed') AS redeemed_us,
         least(1.0, greatest(sum(credit) FILTER (WHERE type = 'action.accepted'),
                             sum(credit) FILTER (WHERE type = 'action.redeemed'))) AS response
  FROM said GROUP BY 1, 2
), sold AS (
  SELECT chosen.decision_id, chosen.action_id, chosen.withheld, bought.source, bought.id,
         greatest(bought.amount_minor - {GIVEN_BACK}, 0) AS minor,
         chosen.action_id IS NOT NULL AND chosen.activated_us IS NOT NULL AS is_shown
  FROM chosen JOIN ids ON ids.decision_id = chosen.decision_id
  JOIN events AS bought ON bought.customer_id = ids.customer_id AND bought.type = 'order.completed'
   AND bought.occurred_us > chosen.decided_us AND bought.occurred_us <= chosen.decided_us + :window_us
   AND bought.received_us > chosen.decided_us
), shared AS (
  SELECT *, count(*) FILTER (WHERE is_shown) OVER (PARTITION BY source, id) AS shown,
         count(*) FILTER (WHERE action_id IS NULL) OVER (PARTITION BY source, id) AS bare,
         sum(withheld) OVER (PARTITION BY source, id) AS all_withheld
  FROM sold
), spent AS (
  SELECT decision_id, action_id, sum(minor) AS purchases_minor,
         sum(CASE WHEN is_shown THEN minor / shown
                  WHEN action_id IS NOT NULL OR shown > 0 THEN 0
                  WHEN all_withheld > 0 THEN minor * withheld / all_withheld ELSE minor / bare END) AS credited_minor
  FROM shared GROUP BY 1, 2
)"""  # noqa: S608 - ours alone
"""What was decided in `[from_us, until_us)`, and, so that credit is shared with all, a window before and after."""

ROWS: Final = """
SELECT made.decision_id, made.customer_id, made.person_id, made.decided_us, made.activated_us,
       made.receipt #>> '{request,channel}' AS channel, made.receipt #>> '{customer,stage}' AS stage,
       coalesce(made.receipt #>> '{customer,arm}',
                CASE made.receipt ->> 'in_control_group' WHEN 'true' THEN 'control' ELSE 'learner' END) AS arm,
       made.receipt ->> 'model_version' AS model_version, made.receipt,
       CASE WHEN chosen.action_id IS NOT NULL THEN chosen.place END AS place, chosen.action_id,
       coalesce(chosen.propensity, 1.0) AS propensity,
       CAST(made.receipt #>> ARRAY['expected_values', chosen.action_id] AS float8) AS worth,
       answered.delivered_us, answered.opened_us, answered.accepted_us, answered.declined_us, answered.redeemed_us,
       CAST(coalesce(answered.response, 0) AS float8) AS response,
       CAST(coalesce(spent.purchases_minor, 0) AS bigint) AS purchases_minor,
       CAST(coalesce(spent.credited_minor, 0) AS float8) AS credited_minor,
       CASE WHEN :now_us < made.decided_us + :wait_us THEN NULL
            WHEN answered.response IS NULL AND coalesce(spent.credited_minor, 0) = 0
            THEN CAST(:default_reward AS float8)
            ELSE CAST(coalesce(spent.credited_minor, 0) AS float8) / :unit * :margin
                 - coalesce(answered.response, 0)
                   * coalesce(CAST(coalesce(made_with.definition, actions.definition) ->> 'cost' AS float8), 0)
       END AS reward
FROM made JOIN chosen ON chosen.decision_id = made.decision_id
LEFT JOIN answered ON answered.decision_id = made.decision_id AND answered.action_id = chosen.action_id
LEFT JOIN spent ON spent.decision_id = made.decision_id AND spent.action_id IS NOT DISTINCT FROM chosen.action_id
LEFT JOIN actions ON actions.action_id = chosen.action_id
LEFT JOIN LATERAL (
  SELECT version.definition FROM action_versions AS version
  WHERE version.action_id = chosen.action_id
    AND version.version <= CAST(made.receipt ->> 'catalogue_version' AS bigint)
  ORDER BY version.version DESC LIMIT 1
) AS made_with ON true
WHERE made.decided_us >= :from_us AND made.decided_us < :until_us
"""
"""Of the learning log; `WINDOWS` before."""
_LOG: Final = f"WITH {WINDOWS} {ROWS} ORDER BY made.decided_us, made.decision_id, chosen.place"
_JUDGED: Final = f"""
WITH {WINDOWS}, log AS ({ROWS})
SELECT decision_id, customer_id, person_id, decided_us, activated_us, arm, place, action_id, propensity, reward,
       CASE WHEN :is_whole THEN receipt ELSE json_build_object(
         'request', json_build_object('learning_enabled', receipt #> '{{request,learning_enabled}}'),
         'test', coalesce(receipt -> 'test', '{{}}'),
         'customer', json_build_object('has_open_complaint', receipt #> '{{customer,has_open_complaint}}',
                                       'complaint_resolved_us', receipt #> '{{customer,complaint_resolved_us}}'),
         'expected_values', receipt -> 'expected_values', 'suppressed', receipt -> 'suppressed') END AS receipt
FROM log WHERE arm = 'learner' AND place = 1 AND activated_us IS NOT NULL AND reward IS NOT NULL
ORDER BY decided_us DESC, decision_id DESC LIMIT :most
"""  # noqa: S608 - ours alone


_JUDGED_SINCE: Final = """
SELECT decided_us FROM decisions
WHERE decided_us >= :from_us AND decided_us <= CAST(:now_us AS bigint) - :wait_us
  AND (activated_us > 0 OR activated_us IS NULL AND reserved_until_us IS NULL)
  AND NOT starts_with(customer_id, '~basket:')
  AND coalesce(receipt #>> '{customer,arm}',
               CASE receipt ->> 'in_control_group' WHEN 'true' THEN 'control' ELSE 'learner' END) = 'learner'
  AND EXISTS (SELECT FROM json_object_keys(receipt -> 'selection_probabilities'))
ORDER BY decided_us DESC OFFSET :most - 1 LIMIT 1
"""


class Rewarding(NamedTuple):
    """What a deployment counts as an outcome, and what it is worth. `unit` is minor units in a major one."""

    window_us: int
    wait_us: int
    default_reward: float
    margin: float
    unit: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As it is set."""
        window_us, wait_us = settings.attribution_days * DAY_US, settings.reward_wait_days * DAY_US
        return cls(window_us, wait_us, settings.default_reward, settings.margin, 10**settings.digits)


async def read_log(
    connection: AsyncConnection, from_us: int, until_us: int, now_us: int, rewarding: Rewarding
) -> Sequence[Any]:
    """The learning log of what was decided in `[from_us, until_us)`, as far as it is known at `now_us`."""
    given = {"from_us": from_us, "until_us": until_us, "now_us": now_us, "behind_us": MAX_AHEAD_US}
    rows: Sequence[Any] = (await connection.execute(text(_LOG), {**given, **rewarding._asdict()})).all()
    return rows


async def find_judged_since(
    connection: AsyncConnection, from_us: int, now_us: int, rewarding: Rewarding, most: int
) -> int:
    """When the earliest of the latest so many was decided that `read_judged` reads; `from_us`: there are fewer. What
    came of all before need not be looked for."""
    given = {"from_us": from_us, "now_us": now_us, "wait_us": rewarding.wait_us, "most": most}
    return int((await connection.execute(text(_JUDGED_SINCE), given)).scalar_one_or_none() or from_us)


async def read_judged(
    connection: AsyncConnection, from_us: int, now_us: int, rewarding: Rewarding, most: int, *, is_whole: bool = False
) -> Sequence[Any]:
    """Of the learning log since `from_us`, first places of the learner that were shown and whose reward is final, the
    latest so many, and of their receipts what policies are judged by (`app.decisions.judging`); `is_whole`: all."""
    since_us = await find_judged_since(connection, from_us, now_us, rewarding, most)
    given = {"from_us": since_us, "until_us": now_us, "now_us": now_us, "behind_us": MAX_AHEAD_US, "most": most}
    given["is_whole"] = is_whole
    rows: Sequence[Any] = (await connection.execute(text(_JUDGED), {**given, **rewarding._asdict()})).all()
    return rows
