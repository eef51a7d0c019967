"""SQL of how a model of recommendations fares: whether what it listed was in the next basket, and its reports."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.events import DAY_US
from app.recommendations.due_queries import MOST_JUDGED, WEEK_US

LISTED: Final = 10
"""Items of a list that are judged, as in training; a shorter list is not judged, since it had less of a chance."""

_NEXT: Final = """
ids AS (
  SELECT recommendation_id, customer_id FROM drawn WHERE customer_id <> '' AND given_us < :to_us
  UNION
  SELECT drawn.recommendation_id, persons.customer_id FROM drawn JOIN persons ON persons.person_id = drawn.person_id
  WHERE drawn.customer_id <> '' AND drawn.given_us < :to_us
), next AS (
  SELECT DISTINCT ON (drawn.recommendation_id) drawn.recommendation_id, events.lines
  FROM drawn JOIN ids ON ids.recommendation_id = drawn.recommendation_id
  JOIN events ON events.customer_id = ids.customer_id AND events.type = 'order.completed'
   AND events.occurred_us > drawn.given_us AND events.occurred_us <= drawn.given_us + :week_us
  ORDER BY drawn.recommendation_id, events.occurred_us, events.source, events.id
), basket AS (
  SELECT next.recommendation_id, array_agg(DISTINCT line.item_id) AS items
  FROM next CROSS JOIN unnest(next.lines) AS line
  WHERE line.quantity > 0 AND line.item_id IS NOT NULL GROUP BY 1
)
SELECT drawn.shown, drawn.instead, basket.items AS bought
FROM drawn LEFT JOIN basket ON basket.recommendation_id = drawn.recommendation_id
"""
"""Of lists `drawn`, each with the first order within a week after it, where the week has passed."""
_PERSON: Final = """
coalesce((SELECT persons.person_id FROM persons WHERE persons.customer_id = given.customer_id), given.customer_id)"""

_GIVEN: Final = """
WITH made AS MATERIALIZED (
  SELECT DISTINCT ON (person_id, given_us / :day_us) *
  FROM (
    SELECT recommendation_id, customer_id, given_us, items AS shown, <person> AS person_id
    FROM recommendations AS given
    WHERE given_us >= :from_us AND given_us < :to_us AND scenario = 'home' AND model_version = :version
      AND customer_id <> '' AND jsonb_array_length(items) >= :listed
  ) AS each
  ORDER BY person_id, given_us / :day_us, given_us
), drawn AS (
  SELECT made.*, CAST(NULL AS jsonb) AS instead FROM made ORDER BY md5(recommendation_id) LIMIT :most
), <next>
""".replace("<person>", _PERSON).replace("<next>", _NEXT)

_SHADOWED: Final = """
WITH drawn AS MATERIALIZED (
  SELECT given.recommendation_id, given.customer_id, given.given_us, given.items AS shown, shadow.items AS instead,
         <person> AS person_id
  FROM recommendation_shadows AS shadow JOIN recommendations AS given
    ON given.customer_id = shadow.customer_id AND given.recommendation_id = shadow.recommendation_id
  WHERE shadow.given_us >= :from_us AND shadow.version = :challenger AND given.model_version = :version
  ORDER BY md5(given.recommendation_id) LIMIT :most
), <next>
""".replace("<person>", _PERSON).replace("<next>", _NEXT)


class Came(NamedTuple):
    """A list that was shown, what the challenger would have shown, None: it was not asked; and the items of the next
    basket, None: there was none within a week, or the week has not passed."""

    shown: Sequence[str]
    instead: Sequence[str] | None
    bought: Sequence[str] | None


async def read_given(connection: AsyncConnection, version: str, from_us: int, to_us: int) -> list[Came]:
    """What a model listed in the scenario `home` in `[from_us, to_us)`, of a person and a day the first; of more than
    MOST_JUDGED so many, as good as drawn."""
    given = {"from_us": from_us, "to_us": to_us, "week_us": WEEK_US, "day_us": DAY_US, "version": version}
    rows = await connection.execute(text(_GIVEN), {**given, "listed": LISTED, "most": MOST_JUDGED})
    return [Came(*row) for row in rows]


async def read_shadowed(
    connection: AsyncConnection, version: str, challenger: str, from_us: int, to_us: int
) -> list[Came]:
    """What a champion listed from a time on in any scenario, where its challenger was asked too; `bought` of what was
    listed before `to_us`. Of more than MOST_JUDGED so many, as good as drawn."""
    given = {"from_us": from_us, "to_us": to_us, "week_us": WEEK_US, "version": version, "challenger": challenger}
    rows = await connection.execute(text(_SHADOWED), {**given, "most": MOST_JUDGED})
    return [Came(*row) for row in rows]
