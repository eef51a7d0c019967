"""SQL of tests of two sides: their definitions, and what came of their sides."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.background import yield_to_requests
from app.database.decision_tables import split_tests
from app.decisions.arm_queries import find_piece_end
from app.decisions.outcome_queries import Rewarding
from app.decisions.window_queries import AFTER, PERSON
from app.lifecycle.events import VISIT_TYPES
from app.lifecycle.split_readings import NOBODY, SideSums
from app.lifecycle.split_tests import SideName

_LOCK: Final = 0x73706C697473
"""Changes take turns, so that no two tests overlap."""
PAST_DAYS: Final = 90
"""How far before a person's first decision what they bought then is looked at (CUPED)."""

DECISIONS_AT_ONCE: Final = 5_000
PERSONS_AT_ONCE: Final = 2_000
SHARE: Final = 0.5
"""Of the time, that the database works for it."""

_MAKE_ENTERED: Final = """
CREATE TEMPORARY TABLE entered (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person_id text UNIQUE, customer_id text, decided_us bigint,
  side text, is_compared boolean, catalogue_version bigint
) ON COMMIT DROP
"""
_ENTER: Final = """
WITH made AS MATERIALIZED (
  SELECT decisions.customer_id, decisions.decision_id, decisions.decided_us,
         coalesce(decisions.receipt #>> '{customer,person_id}', decisions.customer_id) AS person_id,
         CASE WHEN CAST(:test_id AS text) IS NULL THEN 'a' ELSE decisions.receipt #>> '{test,side}' END AS side,
         CAST(decisions.receipt ->> 'catalogue_version' AS bigint) AS catalogue_version,
         CAST(:a AS text) IS NULL
           OR coalesce(CAST(decisions.receipt #>> ARRAY['expected_values', :a] AS float8), 0) > 0 AS may_a,
         CAST(:b AS text) IS NULL
           OR coalesce(CAST(decisions.receipt #>> ARRAY['expected_values', :b] AS float8), 0) > 0 AS may_b
  FROM decisions
  WHERE decisions.decided_us >= :from_us AND decisions.decided_us < :until_us
    AND (CAST(:test_id AS text) IS NULL OR decisions.receipt #>> '{test,test_id}' = :test_id)
    AND (CAST(:channels AS text[]) = '{}' OR decisions.receipt #>> '{request,channel}' = ANY(:channels))
    AND decisions.receipt #>> '{customer,arm}' = 'learner'
    AND decisions.receipt #>> '{request,learning_enabled}' = 'true'
    AND CAST(decisions.receipt #>> '{request,max_actions}' AS int) > 0
    AND NOT starts_with(decisions.customer_id, '~basket:')
), added AS (
  INSERT INTO entered (person_id, customer_id, decided_us, side, is_compared, catalogue_version)
  SELECT DISTINCT ON (person_id) person_id, customer_id, decided_us, side, may_a AND may_b, catalogue_version
  FROM made WHERE may_a OR may_b ORDER BY person_id, decided_us, decision_id
  ON CONFLICT DO NOTHING
)
SELECT side, count(*) AS decisions FROM made GROUP BY side
"""
_COUNT: Final = """
SELECT coalesce(max(number), 0) AS last, count(*) FILTER (WHERE is_compared) AS compared FROM entered
"""
_VISITS: Final = ", ".join(f"'{type_}'" for type_ in VISIT_TYPES)
_MEASURE: Final = f"""
WITH measured AS (
  SELECT first.side, first.decided_us + CAST(:window_us AS bigint) <= :now_us AS is_counted,
         after.orders > 0 AS bought, before.orders > 0 AS bought_before,
         after.minor / :unit * :margin - cost.spent AS value, before.minor / :unit * :margin AS past,
         CAST(after.orders AS float8) AS orders, after.minor / :unit * :margin AS earned, seen.visits
  FROM entered AS first
  {PERSON}
  {AFTER}
  CROSS JOIN LATERAL (
    SELECT count(*) AS orders, CAST(coalesce(sum(bought.amount_minor), 0) AS float8) AS minor
    FROM events AS bought
    WHERE bought.customer_id = ANY(person.ids) AND bought.type = 'order.completed'
      AND first.decided_us - bought.occurred_us BETWEEN 0 AND CAST(:past_us AS bigint) - 1
      AND bought.received_us <= first.decided_us
  ) AS before
  CROSS JOIN LATERAL (
    SELECT CAST(count(*) AS float8) AS visits FROM events AS visit
    WHERE visit.customer_id = ANY(person.ids) AND visit.type IN ({_VISITS})
      AND visit.occurred_us - first.decided_us BETWEEN 1 AND CAST(:window_us AS bigint)
      AND visit.received_us > first.decided_us
  ) AS seen
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(CAST(coalesce(made_with.definition, actions.definition) ->> 'cost' AS float8)), 0) AS spent
    FROM (
      SELECT DISTINCT event.kind, event.reference FROM events AS event
      WHERE event.customer_id = ANY(person.ids) AND event.type IN ('action.accepted', 'action.redeemed')
        AND event.occurred_us > first.decided_us AND event.occurred_us <= first.decided_us + :window_us
    ) AS responded
    LEFT JOIN decisions AS named
      ON named.customer_id = ANY(person.ids) AND named.decision_id = responded.reference
    LEFT JOIN actions ON actions.action_id = responded.kind
    LEFT JOIN LATERAL (
      SELECT version.definition FROM action_versions AS version
      WHERE version.action_id = responded.kind AND version.definition IS NOT NULL
        AND version.version <= coalesce(CAST(named.receipt ->> 'catalogue_version' AS bigint), first.catalogue_version)
      ORDER BY version.version DESC LIMIT 1
    ) AS made_with ON true
  ) AS cost
  WHERE first.is_compared AND first.number > :after AND first.number <= :after + :most
)
SELECT side, count(*) AS persons,
       count(*) FILTER (WHERE is_counted) AS counted, count(*) FILTER (WHERE is_counted AND bought) AS buyers,
       coalesce(sum(value) FILTER (WHERE is_counted), 0) AS value,
       coalesce(sum(value * value) FILTER (WHERE is_counted), 0) AS squares,
       coalesce(sum(past) FILTER (WHERE is_counted), 0) AS past_value,
       coalesce(sum(past * past) FILTER (WHERE is_counted), 0) AS past_squares,
       coalesce(sum(past * value) FILTER (WHERE is_counted), 0) AS past_products,
       count(*) FILTER (WHERE is_counted AND bought_before) AS past_buyers,
       count(*) FILTER (WHERE is_counted AND bought AND bought_before) AS faithful,
       coalesce(sum(orders) FILTER (WHERE is_counted), 0) AS orders,
       coalesce(sum(orders * orders) FILTER (WHERE is_counted), 0) AS orders_squares,
       coalesce(sum(earned) FILTER (WHERE is_counted), 0) AS earned,
       coalesce(sum(earned * earned) FILTER (WHERE is_counted), 0) AS earned_squares,
       coalesce(sum(earned * orders) FILTER (WHERE is_counted), 0) AS earned_orders,
       coalesce(sum(visits) FILTER (WHERE is_counted), 0) AS visits,
       coalesce(sum(visits * visits) FILTER (WHERE is_counted), 0) AS visits_squares,
       coalesce(sum(orders * visits) FILTER (WHERE is_counted), 0) AS orders_visits
FROM measured GROUP BY side
"""  # noqa: S608 - ours alone
"""A person counts once: by the first decision that either action might have been chosen for (of policies, the first of
all), and where both might have been. Until then nothing that the sides do has reached them, so that whom it counts does
not depend on the side. A response costs what its action did in the catalogue of the decision that it names, else of
that first one."""


class Asked(NamedTuple):
    """Which decisions are read: made in `[from_us, until_us)` as far as it is known at `now_us`, of a test (None: of
    whatever), on channels (none: all), where the actions of the sides might have been chosen (None: whatever)."""

    from_us: int
    until_us: int
    now_us: int
    window_us: int
    action_ids: tuple[str, str] | None = None
    channels: Sequence[str] = ()
    test_id: str | None = None


async def read_sums(
    connection: AsyncConnection, asked: Asked, rewarding: Rewarding, past_us: int
) -> dict[SideName, SideSums]:
    """Sums over persons by side; all are of side a where no test is asked for. Within a transaction, in pieces, each a
    statement of a second at most."""
    decisions = await _enter(connection, asked)
    (last, _) = (await connection.execute(text(_COUNT))).one()
    given = {
        "now_us": asked.now_us,
        "window_us": asked.window_us,
        "unit": float(rewarding.unit),
        "margin": rewarding.margin,
        "past_us": past_us,
        "most": PERSONS_AT_ONCE,
    }
    found = {side: NOBODY._replace(decisions=count) for side, count in decisions.items()}
    for after in range(0, last, PERSONS_AT_ONCE):
        began_s = time.perf_counter()
        for row in await connection.execute(text(_MEASURE), {**given, "after": after}):
            found[row.side] = found[row.side].with_more(SideSums(0, *row[1:]))
        await yield_to_requests(began_s, SHARE)
    await connection.execute(text("DROP TABLE entered"))
    return found


async def count_persons(connection: AsyncConnection, asked: Asked) -> int:
    """Those who are counted by `read_sums`."""
    await _enter(connection, asked)
    (_, compared) = (await connection.execute(text(_COUNT))).one()
    await connection.execute(text("DROP TABLE entered"))
    return int(compared)


async def _enter(connection: AsyncConnection, asked: Asked) -> dict[SideName, int]:
    """Notes who takes part, decisions in the order of time; how many decisions there were of each side."""
    await connection.execute(text(_MAKE_ENTERED))
    one, other = asked.action_ids or (None, None)
    given = {"a": one, "b": other, "channels": list(asked.channels), "test_id": asked.test_id}
    found: dict[SideName, int] = {}
    from_us = asked.from_us
    while from_us < asked.until_us:
        began_s = time.perf_counter()
        end_us = await find_piece_end(connection, from_us, asked.until_us, DECISIONS_AT_ONCE)
        for row in await connection.execute(text(_ENTER), {**given, "from_us": from_us, "until_us": end_us}):
            found[row.side] = found.get(row.side, 0) + row.decisions
        await yield_to_requests(began_s, SHARE)
        from_us = end_us
    return found


async def read_unfinished(connection: AsyncConnection, now_us: int) -> Sequence[Any]:
    """Rows of tests that run or are to, by their beginning."""
    query = select(split_tests).where(split_tests.c.ends_us > now_us)
    return (await connection.execute(query.order_by(split_tests.c.starts_us, split_tests.c.test_id))).all()


async def read_test(connection: AsyncConnection, test_id: str) -> Any:
    """The row of a test; None: there is none."""
    return (await connection.execute(select(split_tests).where(split_tests.c.test_id == test_id))).one_or_none()


async def list_tests(connection: AsyncConnection, most: int) -> Sequence[Any]:
    """Rows of the tests that began last."""
    latest = select(split_tests).order_by(split_tests.c.starts_us.desc(), split_tests.c.test_id).limit(most)
    return (await connection.execute(latest)).all()


async def lock_tests(connection: AsyncConnection) -> None:
    """Until the end of the transaction nobody else changes one."""
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def list_overlapping(
    connection: AsyncConnection, test_id: str, starts_us: int, ends_us: int
) -> Sequence[Mapping[str, Any]]:
    """Definitions of other tests that run at a time of `[starts_us, ends_us)`."""
    c = split_tests.c
    query = select(c.definition).where(c.test_id != test_id, c.starts_us < ends_us, c.ends_us > starts_us)
    return (await connection.execute(query)).scalars().all()


async def put_test(connection: AsyncConnection, row: Mapping[str, Any]) -> Any:
    """Adds or replaces a test; its row."""
    put = pg_insert(split_tests).values(row)
    put = put.on_conflict_do_update(index_elements=["test_id"], set_=dict(row))
    return (await connection.execute(put.returning(split_tests))).one()


async def delete_test(connection: AsyncConnection, test_id: str) -> None:
    """Removes a test; there need be none."""
    await connection.execute(delete(split_tests).where(split_tests.c.test_id == test_id))
