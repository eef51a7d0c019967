"""SQL of demand: what was sold of late and a year ago, and who may buy it again.

Both take a time that is bounded by what they read: sales of some weeks by an index of orders by their time, and of an
item's buyers so many, those whose hashes are the lowest, which are as good as drawn.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, BigInteger, BindParameter, Double, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.clocks.demand import CAP, LATE_DAYS, YEAR_DAYS
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.identifiers import BASKET

_IN_STORE: Final = """
(:store IS NULL OR event.data ->> 'store' = :store
 OR (event.data ->> 'store' IS NULL
     AND strpos('/' || btrim(event.source, '/') || '/', '/' || btrim(:store, '/') || '/') > 0))"""
"""An order is of the store that it names, or else that its source has among its parts."""

_SALES: Final = """
WITH line AS MATERIALIZED (
  SELECT each.item_id, (:now_us - event.occurred_us) / :day_us AS age_days, greatest(each.quantity, 0) AS units,
         starts_with(event.customer_id, :basket) AS is_anonymous, <is_here> AS is_here
  FROM events AS event CROSS JOIN LATERAL unnest(event.lines) AS each
  WHERE event.type = 'order.completed'
    AND (event.occurred_us > :since_us AND event.occurred_us <= :now_us
      OR event.occurred_us > :year_ago_us AND event.occurred_us <= :year_ago_until_us)
    AND (each.item_id = ANY (:item_ids) OR each.category = :category)
), usual AS (
  SELECT item_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY units) AS typical
  FROM line WHERE age_days < :late_days AND units > 0 GROUP BY item_id
), capped AS (
  SELECT line.*, usual.typical, least(line.units, :cap * usual.typical) AS usual_units
  FROM line LEFT JOIN usual ON usual.item_id = line.item_id
)
SELECT item_id, age_days, max(typical) AS typical,
       coalesce(sum(usual_units) FILTER (WHERE age_days < :late_days), 0) AS everywhere,
       coalesce(sum(units) FILTER (WHERE is_here), 0) AS told,
       coalesce(sum(usual_units) FILTER (WHERE is_here), 0) AS usual,
       coalesce(sum(usual_units) FILTER (WHERE is_here AND is_anonymous), 0) AS anonymous
FROM capped GROUP BY GROUPING SETS ((age_days), (item_id)) ORDER BY age_days, 4 DESC, item_id
""".replace("<is_here>", _IN_STORE)
"""Of orders of late and of a year ago."""

_BUYERS: Final = """
SELECT asked.item_id, drawn.buyers, drawn.last_hash, drawn.figures
FROM unnest(CAST(:item_ids AS text[])) AS asked (item_id)
CROSS JOIN LATERAL (
  SELECT count(*) AS buyers, max(state.hash) AS last_hash, string_agg(
           float8send(state.orders) || float8send(state.quantity) || float8send(state.refunded_quantity)
           || float8send(state.first_order_us) || float8send(state.last_order_us)
           || float8send(customer.orders) || float8send(coalesce(customer.first_order_us, state.first_order_us))
           || float8send(coalesce(customer.last_order_us, state.last_order_us)), '') AS figures
  FROM (
    SELECT kept.*, hashtext(kept.customer_id) AS hash FROM customer_items AS kept
    WHERE kept.item_id = asked.item_id AND kept.orders > 0 ORDER BY hashtext(kept.customer_id) LIMIT :most
  ) AS state JOIN customer_states AS customer ON customer.customer_id = state.customer_id
) AS drawn
WHERE drawn.buyers > 0
"""

FIGURES: Final = (
    *("orders", "quantity", "refunded_quantity", "first_us", "last_us"),
    *("customer_orders", "customer_first_us", "customer_last_us"),
)
"""Of a buyer of an item, in the order in which they are read."""
_HASHES: Final = 2.0**32
_TIMES: Final = ("now_us", "since_us", "year_ago_us", "year_ago_until_us")
_TYPES: Final = [bindparam(name, type_=BigInteger) for name in _TIMES]
_CONSTANTS: Final[list[BindParameter[Any]]] = [
    bindparam("day_us", DAY_US, BigInteger),
    bindparam("late_days", LATE_DAYS, BigInteger),
    bindparam("cap", CAP, Double),
    bindparam("basket", BASKET, Text),
]
_ASKED: Final[list[BindParameter[Any]]] = [
    bindparam("item_ids", type_=ARRAY(Text)),
    bindparam("category", type_=Text),
    bindparam("store", type_=Text),
]


class Drawn(NamedTuple):
    """Buyers of items: `figures` (n, FIGURES); `items` (n,), the place of each one's item among those asked for; and
    `stands_for` (n,), how many buyers each is one of."""

    figures: Floats
    items: NDArray[np.int64]
    stands_for: Floats


async def read_sales(
    connection: AsyncConnection,
    item_ids: Sequence[str],
    category: str | None,
    store: str | None,
    now_us: int,
    days: int,
) -> Sequence[Any]:
    """Of items, and of those whose lines name the category: rows by day, `item_id` NULL, and then by item, `age_days`
    NULL, those that sold most of late first.

    Of the last LATE_DAYS, and of the `days` from YEAR_DAYS ago on; `age_days` are whole days back from now. Of the
    store: units as `told`; `usual`, capped by the `typical` purchase of late, and of these `anonymous`, those without a
    customer. `everywhere` is `usual` of late of all stores.
    """
    year_ago_us = now_us - YEAR_DAYS * DAY_US
    parameters = {
        "item_ids": list(item_ids),
        "category": category,
        "store": store,
        "now_us": now_us,
        "since_us": now_us - LATE_DAYS * DAY_US,
        "year_ago_us": year_ago_us,
        "year_ago_until_us": year_ago_us + days * DAY_US,
    }
    return (await connection.execute(text(_SALES).bindparams(*_TYPES, *_CONSTANTS, *_ASKED), parameters)).all()


async def read_buyers(connection: AsyncConnection, item_ids: Sequence[str], most: int) -> Drawn:
    """At most so many of each item."""
    rows = (await connection.execute(text(_BUYERS), {"item_ids": list(item_ids), "most": most})).all()
    place = {item_id: n for n, item_id in enumerate(item_ids)}
    figures = [np.frombuffer(row.figures, ">f8").astype(np.float64).reshape(-1, len(FIGURES)) for row in rows]
    counts = [row.buyers for row in rows]
    stands_for = [1.0 if row.buyers < most else _count_all(row.buyers, row.last_hash) / row.buyers for row in rows]
    return Drawn(
        np.concatenate(figures) if figures else np.zeros((0, len(FIGURES))),
        np.repeat(np.array([place[row.item_id] for row in rows], np.int64), counts),
        np.repeat(np.array(stands_for, np.float64), counts),
    )


def _count_all(drawn: int, last_hash: int) -> float:
    """How many there are by how far the hashes of the lowest reach (Z. Bar-Yossef et al., 2002): (k − 1) / u_k."""
    return max((drawn - 1) * _HASHES / (last_hash + _HASHES / 2 + 1), float(drawn))


async def read_first_event(connection: AsyncConnection) -> int | None:
    """The time of the first event of all; None: there is none."""
    first_us: int | None = (await connection.execute(text("SELECT min(first_event_us) FROM customer_states"))).scalar()
    return first_us
