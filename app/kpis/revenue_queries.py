"""SQL of the revenue tree: what each branch bought in some spans."""

from collections.abc import Sequence
from typing import Final, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from app.kpis.dimensions import DIMENSIONS
from app.kpis.queries import Span, Terms, begin_reading, compile_kpis, give
from app.kpis.revenue import NOTHING, Branch, Sold

_BRANCHES: Final = """
WITH <orders_told>, customer AS MATERIALIZED (
  SELECT DISTINCT span.number, <person_id> AS person_id
  FROM span JOIN events AS event ON event.type = 'order.completed'
    AND event.occurred_us >= span.from_us - :window_us AND event.occurred_us < span.from_us
  LEFT JOIN persons AS person ON person.customer_id = event.customer_id
  WHERE NOT <is_anonymous>
), each AS (
  SELECT number, person_id, is_anonymous, count(*) FILTER (WHERE is_order) AS orders,
         coalesce(sum(amount_minor) FILTER (WHERE is_order), 0) AS minor,
         coalesce(sum(amount_minor) FILTER (WHERE NOT is_order), 0) AS given_back_minor,
         coalesce(bool_or(is_first AND is_order), false) AS is_new
  FROM told GROUP BY number, person_id, is_anonymous
), branched AS (
  SELECT each.*, CASE WHEN is_anonymous THEN 'anonymous' WHEN is_new THEN 'new'
                      WHEN customer.person_id IS NOT NULL THEN 'retained' ELSE 'returned' END AS branch
  FROM each LEFT JOIN customer ON customer.number = each.number AND customer.person_id = each.person_id
)
SELECT number, branch, CASE branch WHEN 'anonymous' THEN 0 ELSE count(*) END AS customers,
       CAST(sum(orders) AS bigint) AS orders, CAST(sum(minor) AS bigint) AS minor
FROM branched WHERE orders > 0 GROUP BY number, branch
UNION ALL
SELECT number, 'given_back', 0, 0, CAST(sum(given_back_minor) AS bigint) FROM branched GROUP BY number
"""


async def count_branches(connection: AsyncConnection, spans: Sequence[Span], terms: Terms) -> list[dict[Branch, Sold]]:
    """A span each, all branches, as of one moment. Begins the transaction."""
    await begin_reading(connection)
    found: list[dict[Branch, Sold]] = [dict.fromkeys(get_args(Branch), NOTHING) for _ in spans]
    compiled = compile_kpis(_BRANCHES, DIMENSIONS["all"])
    for row in await connection.execute(compiled.statement, give(compiled, spans, terms)):
        found[row.number][row.branch] = Sold(int(row.customers), int(row.orders), int(row.minor))
    return found
