"""SQL of how a model of recommendations fares: whether what it listed was in the next basket, and its reports."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.events import DAY_US
from app.models.kinds import RECOMMEND
from app.models.queries import Report
from app.recommendations.due_queries import MOST_JUDGED, WEEK_US

LISTED: Final = 10
"""Items of a list that are judged, as in training; a shorter list is not judged, since it had less of a chance."""

_BASKETS: Final = """
WITH made AS MATERIALIZED (
  SELECT DISTINCT ON (person_id, given_us / :day_us) *
  FROM (
    SELECT recommendation_id, customer_id, given_us, items,
           coalesce((SELECT persons.person_id FROM persons WHERE persons.customer_id = given.customer_id),
                    given.customer_id) AS person_id
    FROM recommendations AS given
    WHERE given_us >= :from_us AND given_us < :to_us AND scenario = 'home' AND model_version = :version
      AND customer_id <> '' AND jsonb_array_length(items) >= :listed
  ) AS each
  ORDER BY person_id, given_us / :day_us, given_us
), drawn AS (
  SELECT * FROM made ORDER BY md5(recommendation_id) LIMIT :most
), ids AS (
  SELECT recommendation_id, customer_id FROM drawn
  UNION
  SELECT drawn.recommendation_id, persons.customer_id FROM drawn JOIN persons ON persons.person_id = drawn.person_id
), next AS (
  SELECT DISTINCT ON (drawn.recommendation_id) drawn.recommendation_id, drawn.items, events.lines
  FROM drawn JOIN ids ON ids.recommendation_id = drawn.recommendation_id
  JOIN events ON events.customer_id = ids.customer_id AND events.type = 'order.completed'
   AND events.occurred_us > drawn.given_us AND events.occurred_us <= drawn.given_us + :week_us
  ORDER BY drawn.recommendation_id, events.occurred_us, events.source, events.id
), basket AS (
  SELECT DISTINCT next.recommendation_id, line.item_id, listed.item_id IS NOT NULL AS is_listed
  FROM next CROSS JOIN unnest(next.lines) AS line
  LEFT JOIN LATERAL (
    SELECT each.item_id FROM jsonb_array_elements_text(next.items) WITH ORDINALITY AS each (item_id, position)
    WHERE each.position <= :listed AND each.item_id = line.item_id LIMIT 1
  ) AS listed ON true
  WHERE line.quantity > 0 AND line.item_id IS NOT NULL
)
SELECT count(*) AS number, avg(found) AS recall, avg(CAST(found > 0 AS integer)) AS hit_rate
FROM (
  SELECT count(*) FILTER (WHERE is_listed) / CAST(count(*) AS float) AS found FROM basket GROUP BY recommendation_id
) AS judged
"""

_LATEST: Final = """
SELECT DISTINCT ON (report.kind) report.version, report.kind, report.at_us, report.made_us, report.report
FROM models JOIN model_reports AS report ON report.version = models.version
WHERE models.kind = :kind AND models.state = 'champion'
ORDER BY report.kind, report.at_us DESC
"""

_KEEP: Final = """
INSERT INTO model_reports (version, kind, at_us, made_us, report)
VALUES (:version, :kind, :at_us, :at_us, CAST(:report AS jsonb))
ON CONFLICT (version, kind, at_us) DO UPDATE SET made_us = excluded.made_us, report = excluded.report
"""


class NextBaskets(NamedTuple):
    """Recommendations whose customer came back within a week: how many; of the next basket, the mean share that was
    among the first LISTED items, and how often any was. None: of none."""

    number: int
    recall: float | None
    hit_rate: float | None


async def read_next_baskets(connection: AsyncConnection, version: str, from_us: int, to_us: int) -> NextBaskets:
    """Of what a model listed in the scenario `home` in `[from_us, to_us)`, of a person and a day the first; of more
    than MOST_JUDGED so many, as good as drawn."""
    times = {"from_us": from_us, "to_us": to_us, "week_us": WEEK_US, "day_us": DAY_US}
    given = {**times, "version": version, "listed": LISTED, "most": MOST_JUDGED}
    row = (await connection.execute(text(_BASKETS), given)).one()
    recall, hit_rate = (None if value is None else float(value) for value in row[1:])
    return NextBaskets(row.number, recall, hit_rate)


async def read_latest(connection: AsyncConnection) -> dict[str, Report]:
    """By its kind, the latest report of the champion of recommendations."""
    return {row.kind: Report(*row) for row in await connection.execute(text(_LATEST), {"kind": RECOMMEND})}


async def write_report(
    connection: AsyncConnection, version: str, kind: str, at_us: int, report: Mapping[str, Any]
) -> None:
    """Keeps a report for ever."""
    given = {"version": version, "kind": kind, "at_us": at_us, "report": orjson.dumps(report).decode()}
    await connection.execute(text(_KEEP), given)
