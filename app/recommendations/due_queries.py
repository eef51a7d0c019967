"""SQL of whether what was called due came: probabilities that were said, against purchases within seven days.

Of a person, an item and a day the first is judged: the same said again the same day is no further evidence. An order
that was cancelled or given back is no purchase, nor are pieces that came back.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.clocks.clock import WEEK_DAYS
from app.lifecycle.events import DAY_US

TENTHS: Final = 10
WEEK_US: Final = round(WEEK_DAYS) * DAY_US
MOST_JUDGED: Final = 5_000
"""Recommendations: of more, so many by chance, the same ones each time."""

_CAME: Final = """
WITH made AS MATERIALIZED (
  SELECT recommendations.*, coalesce(persons.person_id, recommendations.customer_id) AS person_id
  FROM recommendations LEFT JOIN persons ON persons.customer_id = recommendations.customer_id
  WHERE given_us >= :from_us AND given_us < :to_us AND probabilities IS NOT NULL AND recommendations.customer_id <> ''
    AND (CAST(:version AS text) IS NULL OR model_version = :version)
  ORDER BY md5(recommendation_id) LIMIT :most
), ids AS (
  SELECT recommendation_id, customer_id FROM made
  UNION
  SELECT made.recommendation_id, persons.customer_id FROM made JOIN persons ON persons.person_id = made.person_id
), bought AS (
  SELECT DISTINCT made.recommendation_id, line.item_id
  FROM made JOIN ids ON ids.recommendation_id = made.recommendation_id
  JOIN events ON events.customer_id = ids.customer_id AND events.type = 'order.completed'
   AND events.occurred_us > made.given_us AND events.occurred_us <= made.given_us + :week_us
  CROSS JOIN unnest(events.lines) AS line
  WHERE line.quantity > 0
), said AS (
  SELECT DISTINCT ON (made.person_id, item.id, made.given_us / :day_us)
         made.recommendation_id, item.id AS item_id, CAST(made.probabilities ->> (item.position - 1) AS float) AS said
  FROM made CROSS JOIN LATERAL (
    SELECT id, CAST(position AS integer) AS position
    FROM jsonb_array_elements_text(made.items) WITH ORDINALITY AS each (id, position)
  ) AS item
  WHERE made.probabilities ->> (item.position - 1) IS NOT NULL
  ORDER BY made.person_id, item.id, made.given_us / :day_us, made.given_us
)
SELECT least(floor(said.said * :tenths), :tenths - 1) AS tenth, count(*) AS number, avg(said.said) AS said,
       count(bought.item_id) AS bought
FROM said LEFT JOIN bought ON bought.recommendation_id = said.recommendation_id AND bought.item_id = said.item_id
GROUP BY 1 ORDER BY 1
"""


async def read_due_that_came(
    connection: AsyncConnection, from_us: int, to_us: int, now_us: int, version: str | None = None
) -> Sequence[Any]:
    """Rows by tenth of what was said: `tenth` (0 to 9), `number` of items, the mean of what was `said`, and how many
    were `bought`; of what was recommended in `[from_us, to_us)` and seven days ago or more; by a version of the model,
    None: by any."""
    times = {"from_us": from_us, "to_us": min(to_us, now_us - WEEK_US), "week_us": WEEK_US, "day_us": DAY_US}
    return (
        await connection.execute(text(_CAME), {**times, "tenths": TENTHS, "most": MOST_JUDGED, "version": version})
    ).all()
