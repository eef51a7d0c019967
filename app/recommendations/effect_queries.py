"""SQL of what became of recommendations.

`shown`, `clicked` and `added` are said by events, however often; they are found by the recommendation, whoever they are
said to be of. `bought` are lines of orders that name the recommendation: orders of whom it was given to, of whom an
event of it is of, and of the other ids of these persons; cancelled and given back ones do not count, nor do pieces that
came back. Lines of one item in an order are of one recommendation, the latest. Clocks of shops may be behind ours, or
tell whole seconds: by so much an order may be before its recommendation.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.times import MAX_AHEAD_US

_TOLD: Final = """
told AS (
  SELECT event.reference AS recommendation_id, event.customer_id, event.type,
         CASE event.type WHEN 'recommendation.shown' THEN product.value ->> 'product_id' ELSE event.kind END AS item_id
  FROM made JOIN events AS event ON event.reference = made.recommendation_id
   AND event.type IN ('recommendation.shown', 'recommendation.clicked', 'recommendation.added')
  LEFT JOIN LATERAL json_array_elements(
    CASE WHEN event.type = 'recommendation.shown' AND json_typeof(event.data -> 'products') = 'array'
         THEN event.data -> 'products' END) AS product (value) ON true
)"""
"""A row an item of an event; of a `shown` that names no items one with `item_id` NULL."""

_EFFECTS: Final = """
WITH made AS (
  SELECT * FROM recommendations WHERE given_us >= :from_us AND given_us < :to_us
), <told>, placed AS (
  SELECT made.recommendation_id, made.scenario, item.item_id, item.position
  FROM made CROSS JOIN LATERAL jsonb_array_elements_text(made.items) WITH ORDINALITY AS item (item_id, position)
), became AS (
  SELECT recommendation_id, item_id, bool_or(type = 'recommendation.clicked') AS clicked,
         bool_or(type = 'recommendation.added') AS added
  FROM told WHERE item_id IS NOT NULL GROUP BY 1, 2
), whole AS (
  SELECT DISTINCT recommendation_id FROM told WHERE item_id IS NULL
), concerned AS (
  SELECT recommendation_id, given_us, customer_id FROM made WHERE customer_id <> ''
  UNION
  SELECT told.recommendation_id, made.given_us, told.customer_id
  FROM told JOIN made ON made.recommendation_id = told.recommendation_id
), buyers AS (
  SELECT * FROM concerned
  UNION
  SELECT concerned.recommendation_id, concerned.given_us, other.customer_id
  FROM concerned JOIN persons AS own ON own.customer_id = concerned.customer_id
  JOIN persons AS other ON other.person_id = own.person_id
), said AS MATERIALIZED (
  SELECT bought.customer_id, bought.source, bought.id, bought.reference, bought.occurred_us, bought.lines,
         product.value ->> 'product_id' AS item_id, product.value ->> 'recommendation_id' AS recommendation_id
  FROM events AS bought CROSS JOIN LATERAL json_array_elements(
    CASE WHEN json_typeof(bought.data -> 'products') = 'array' THEN bought.data -> 'products' END) AS product (value)
  WHERE bought.type = 'order.completed' AND strpos(CAST(bought.data AS text), 'recommendation_id') > 0
    AND bought.occurred_us >= :from_us AND product.value ->> 'recommendation_id' IS NOT NULL
), tagged AS (
  SELECT DISTINCT ON (said.customer_id, said.source, said.id, said.item_id)
         buyers.recommendation_id, said.source, said.reference, said.lines, said.item_id
  FROM said JOIN buyers ON buyers.customer_id = said.customer_id
   AND buyers.recommendation_id = said.recommendation_id AND said.occurred_us >= buyers.given_us - <behind>
  ORDER BY said.customer_id, said.source, said.id, said.item_id, buyers.given_us DESC
), sold AS (
  SELECT tagged.recommendation_id, tagged.item_id, line.pieces, line.worth_minor, coalesce(back.pieces, 0) AS back
  FROM tagged CROSS JOIN LATERAL (
    SELECT sum(each.quantity) AS pieces,
           sum(each.quantity * coalesce(each.price_minor, 0) - coalesce(each.discount_minor, 0)) AS worth_minor
    FROM unnest(tagged.lines) AS each WHERE each.item_id = tagged.item_id
  ) AS line
  LEFT JOIN LATERAL (
    SELECT sum(each.quantity) AS pieces FROM events AS refund CROSS JOIN unnest(refund.lines) AS each
    WHERE refund.source = tagged.source AND refund.reference = tagged.reference AND refund.type = 'order.refunded'
      AND each.item_id = tagged.item_id
  ) AS back ON true
  WHERE line.pieces > 0
), kept AS (
  SELECT recommendation_id, item_id, sum(greatest(pieces - back, 0)) AS pieces,
         sum(worth_minor * greatest(pieces - back, 0) / pieces) AS revenue_minor
  FROM sold GROUP BY 1, 2
)
SELECT placed.scenario, placed.position, count(*) AS given,
       count(*) FILTER (WHERE whole.recommendation_id IS NOT NULL OR became.item_id IS NOT NULL
                           OR kept.pieces > 0) AS shown,
       count(*) FILTER (WHERE became.clicked) AS clicked,
       count(*) FILTER (WHERE became.added) AS added,
       count(*) FILTER (WHERE kept.pieces > 0) AS bought,
       coalesce(sum(kept.revenue_minor), 0) AS revenue_minor
FROM placed
LEFT JOIN whole ON whole.recommendation_id = placed.recommendation_id
LEFT JOIN became ON became.recommendation_id = placed.recommendation_id AND became.item_id = placed.item_id
LEFT JOIN kept ON kept.recommendation_id = placed.recommendation_id AND kept.item_id = placed.item_id
GROUP BY 1, 2 ORDER BY 1, 2
""".replace("<told>", _TOLD).replace("<behind>", str(MAX_AHEAD_US))


async def read_effects(connection: AsyncConnection, from_us: int, to_us: int) -> Sequence[Any]:
    """Rows by scenario and position, of what was recommended in `[from_us, to_us)`: counts of items, revenue in minor
    units. Each item of a recommendation counts once; clicked, added or bought, it was shown."""
    return (await connection.execute(text(_EFFECTS), {"from_us": from_us, "to_us": to_us})).all()
