"""SQL of what customers were shown, and took or left."""

from typing import Final

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text

from app.database.engine import Statement, compile_statement
from app.recommendations.member_queries import WITH_MEMBERS

MOST_LOOKED_AT: Final = 20
"""Of an id of a person the latest recommendations: whoever looks at a page every hour is not dearer than others."""

_SHOWN: Final = (
    WITH_MEMBERS
    + """, made AS (
  SELECT member.customer_id, latest.recommendation_id, latest.items
  FROM member CROSS JOIN LATERAL (
    SELECT recommendation_id, items, given_us FROM recommendations
    WHERE recommendations.customer_id = member.member_id
    ORDER BY recommendations.recommendation_id DESC LIMIT <most>
  ) AS latest
  WHERE latest.given_us >= :since_us
), told AS (
  SELECT DISTINCT made.customer_id, made.recommendation_id, made.items,
         event.type <> 'recommendation.shown' AS is_taken,
         CASE event.type WHEN 'recommendation.shown' THEN product.value ->> 'product_id' ELSE event.kind END AS item_id
  FROM made JOIN events AS event ON event.reference = made.recommendation_id
   AND event.type IN ('recommendation.shown', 'recommendation.clicked', 'recommendation.added')
  LEFT JOIN LATERAL json_array_elements(
    CASE WHEN event.type = 'recommendation.shown' AND json_typeof(event.data -> 'products') = 'array'
         THEN event.data -> 'products' END) AS product (value) ON true
)
SELECT told.customer_id, item.item_id, count(DISTINCT told.recommendation_id) AS shown,
       count(DISTINCT told.recommendation_id) FILTER (WHERE told.is_taken) AS taken
FROM told CROSS JOIN LATERAL jsonb_array_elements_text(told.items) AS item (item_id)
WHERE told.item_id = item.item_id OR told.item_id IS NULL
GROUP BY 1, 2
""".replace("<most>", str(MOST_LOOKED_AT))
)


def _read_shown() -> Statement:
    parameters = (bindparam("customer_ids", type_=ARRAY(Text)), bindparam("since_us", type_=BigInteger))
    return compile_statement(text(_SHOWN).bindparams(*parameters))


READ_SHOWN: Final = _read_shown()
"""Rows of customers with all their ids: customer_id, item_id, in how many recommendations since a time it was shown,
and in how many of these taken: clicked, or put into the basket.

Parameters `customer_ids`, `since_us`. Ids of recommendations ascend with the time (`new_recommendation_id`): the latest
ones are the last of the key.
"""
