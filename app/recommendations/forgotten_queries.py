"""SQL of what customers bought, and of which no state is kept any more."""

from typing import Final

from sqlalchemy import ARRAY, Text, bindparam, text

from app.database.engine import Statement, compile_statement
from app.lifecycle.states import ITEM
from app.recommendations.member_queries import WITH_MEMBERS

MOST_ORDERS: Final = 1000
"""Of an id of a person so many orders of the time that is forgotten are looked at, the latest."""

_FORGOTTEN: Final = (
    WITH_MEMBERS
    + """
SELECT member.customer_id, array_agg(DISTINCT line.item_id) AS item_ids
FROM member CROSS JOIN LATERAL (
  SELECT horizon_us FROM state_horizons
  WHERE state_horizons.customer_id = member.member_id AND state_horizons.state = '<state>' LIMIT 1
) AS horizon CROSS JOIN LATERAL (
  SELECT events.lines FROM events
  WHERE events.customer_id = member.member_id AND events.type = 'order.completed'
    AND events.occurred_us <= horizon.horizon_us
  ORDER BY events.occurred_us DESC LIMIT <most>
) AS sale CROSS JOIN LATERAL unnest(sale.lines) AS line
GROUP BY 1
""".replace("<state>", ITEM.name).replace("<most>", str(MOST_ORDERS))
)


def _read_forgotten() -> Statement:
    return compile_statement(text(_FORGOTTEN).bindparams(bindparam("customer_ids", type_=ARRAY(Text))))


READ_FORGOTTEN: Final = _read_forgotten()
"""Rows of customers some of whose items were forgotten, with all their ids: customer_id, and item_ids, those of their
orders up to the time of it; some of these may have been bought again and be kept.

Parameter `customer_ids`. Whoever has had no more items than are kept, nearly all, costs a look at a key.
"""
