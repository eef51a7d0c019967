"""SQL of cohorts: who ordered first in a month, and again in which."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.identifiers import BASKET

_COUNT: Final = text("""
WITH first AS MATERIALIZED (
  SELECT coalesce(person.person_id, state.customer_id) AS person_id,
         width_bucket(min(state.first_order_us), :bounds_us) AS cohort
  FROM customer_states AS state LEFT JOIN persons AS person ON person.customer_id = state.customer_id
  WHERE state.first_order_us IS NOT NULL
  GROUP BY 1 HAVING min(state.first_order_us) >= :from_us AND min(state.first_order_us) < :until_us
), bought AS (
  SELECT coalesce(person.person_id, event.customer_id) AS person_id,
         width_bucket(event.occurred_us, :bounds_us) AS month, event.amount_minor
  FROM events AS event LEFT JOIN persons AS person ON person.customer_id = event.customer_id
  WHERE event.type = 'order.completed' AND event.occurred_us >= :from_us AND event.occurred_us < :until_us
    AND NOT starts_with(event.customer_id, :basket)
)
SELECT first.cohort, bought.month, count(DISTINCT bought.person_id) AS customers,
       CAST(sum(bought.amount_minor) AS bigint) AS sales_minor
FROM bought JOIN first ON first.person_id = bought.person_id
GROUP BY 1, 2
""").bindparams(
    bindparam("bounds_us", type_=ARRAY(BigInteger)),
    bindparam("from_us", type_=BigInteger),
    bindparam("until_us", type_=BigInteger),
    bindparam("basket", BASKET),
)


async def count_cohorts(connection: AsyncConnection, bounds_us: Sequence[int]) -> Sequence[Any]:
    """Rows (cohort, month, customers, sales_minor): of the persons whose first order is between two neighbours of the
    bounds, from 1 on, those with an order between two, and what they paid."""
    given = {"bounds_us": list(bounds_us), "from_us": bounds_us[0], "until_us": bounds_us[-1]}
    return (await connection.execute(_COUNT, given)).all()
