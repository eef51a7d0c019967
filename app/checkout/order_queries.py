"""The statements that make of an order what was said of it last: changed, or never been.

The facts of the order's row in the log, and of its refunds', are written anew; what was sent stays beside them.
Whatever reads the log (`verify`, `rebuild`, models, labels) reads the same facts, and need not know of changes. The
customers' states are then made anew from the log: a first or a last time cannot be taken back by a difference.
"""

from typing import Any, Final

from sqlalchemy import Integer, bindparam, cast, column, func, literal_column, select, text
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.case_queries import open_complaints
from app.customers.linking_queries import in_person
from app.customers.queries import offered
from app.database.engine import Statement, compile_statement, unnested
from app.database.states import aggregated, latest_vector, numeric_vector
from app.database.tables import customer_states, events
from app.lifecycle.states import CUSTOMER
from app.stages.queries import recorded_stage_key

_LOCK_CLASS: Final = 7_061
_BUCKETS: Final = 256
"""Locks of a transaction at most: a batch has a thousand orders."""
_CUSTOMERS: Final = bindparam("customer_ids", type_=ARRAY(SqlText))


def _claim_orders() -> Statement:
    """Who changes an order, or brings it, waits for whoever does: so the second sees the first. In one order."""
    orders = unnested("orders", source=SqlText(), reference=SqlText())
    hashed = func.hashtext(orders.c.source + literal_column("chr(31)") + orders.c.reference, type_=Integer)
    buckets = select((hashed.op("&")(literal_column(str(_BUCKETS - 1)))).label("bucket")).distinct()
    in_order = buckets.order_by(column("bucket")).subquery("buckets")
    lock = func.pg_advisory_xact_lock(literal_column(str(_LOCK_CLASS)), in_order.c.bucket)
    return compile_statement(select(func.count(cast(lock, SqlText))))


CLAIM_ORDERS: Final = _claim_orders()


def _of_orders(statement: str) -> Statement:
    """One whose parameters are the arrays `source` and `reference`, and `customer_ids` where it names them."""
    names = ("source", "reference", *(("customer_ids",) if ":customer_ids" in statement else ()))
    return compile_statement(text(statement).bindparams(*(bindparam(name, type_=ARRAY(SqlText)) for name in names)))


LOCK_STATES: Final = _of_orders("""
WITH told AS (
  SELECT * FROM unnest(CAST(:source AS text[]), CAST(:reference AS text[])) AS told (source, reference)
), concerned AS (
  SELECT unnest(CAST(:customer_ids AS text[])) AS customer_id
  UNION
  SELECT events.customer_id FROM told
  JOIN events ON events.source = told.source AND events.id = 'order-' || told.reference
  UNION
  SELECT events.customer_id FROM told
  JOIN events ON events.source = told.source AND events.reference = told.reference
   AND events.type IN ('order.refunded', 'refund.voided')
)
SELECT customer_id FROM customer_states WHERE customer_id IN (SELECT customer_id FROM concerned)
ORDER BY customer_id FOR UPDATE
""")
"""Locks the states of these customers, and of those whose orders and refunds these are, in order."""

FIND_CHANGED: Final = _of_orders("""
SELECT told.source, told.reference
FROM unnest(CAST(:source AS text[]), CAST(:reference AS text[])) AS told (source, reference)
WHERE EXISTS (SELECT FROM events AS change
              WHERE change.source = told.source AND change.reference = told.reference
                AND change.type IN ('order.cancelled', 'order.updated'))
""")
"""Those of these orders that something was said of beside what they were at first."""

RESTATE_ORDERS: Final = _of_orders("""
WITH latest AS MATERIALIZED (
  SELECT told.source, told.reference, version.*,
         EXISTS (SELECT FROM events AS change
                 WHERE change.source = told.source AND change.reference = told.reference
                   AND change.type = 'order.cancelled') AS is_void
  FROM unnest(CAST(:source AS text[]), CAST(:reference AS text[])) AS told (source, reference)
  LEFT JOIN LATERAL (
    SELECT change.id AS version_id, change.channel, change.amount_minor, change.discount_minor, change.items,
           change.lines
    FROM events AS change
    WHERE change.source = told.source AND change.reference = told.reference AND change.type = 'order.updated'
    ORDER BY change.occurred_us DESC, change.id COLLATE "C" DESC
    LIMIT 1
  ) AS version ON true
), orders AS (
  UPDATE events SET
    type = CASE WHEN is_void THEN 'order.voided' ELSE 'order.completed' END,
    channel = coalesce(latest.channel, events.channel),
    amount_minor = CASE WHEN version_id IS NULL THEN events.amount_minor ELSE latest.amount_minor END,
    discount_minor = CASE WHEN version_id IS NULL THEN events.discount_minor ELSE latest.discount_minor END,
    items = CASE WHEN version_id IS NULL THEN events.items ELSE latest.items END,
    lines = CASE WHEN version_id IS NULL THEN events.lines ELSE latest.lines END
  FROM latest
  WHERE events.source = latest.source AND events.id = 'order-' || latest.reference
    AND events.type IN ('order.completed', 'order.voided')
  RETURNING events.customer_id
), refunds AS (
  UPDATE events SET type = CASE WHEN is_void THEN 'refund.voided' ELSE 'order.refunded' END
  FROM latest
  WHERE events.source = latest.source AND events.reference = latest.reference
    AND events.type IN ('order.refunded', 'refund.voided')
  RETURNING events.customer_id
)
SELECT customer_id FROM orders UNION SELECT customer_id FROM refunds
""")
"""Writes the facts of these orders and of their refunds as they are now; rows: whose they are."""


def _restate_customers() -> Statement:
    """Makes these customers' states anew from the log; rows as of COUNT_EVENTS, but for `counted`."""
    told = select(events).where(events.c.customer_id == func.any(_CUSTOMERS)).subquery("told")
    remade = aggregated(CUSTOMER, told)
    upsert = pg_insert(customer_states).from_select([item.name for item in customer_states.c], remade)
    values: dict[str, Any] = {measure.name: upsert.excluded[measure.name] for measure in CUSTOMER.measures}
    touched = (
        upsert.on_conflict_do_update(index_elements=list(CUSTOMER.keys), set_=values)
        .returning(
            customer_states.c.customer_id,
            numeric_vector(customer_states),
            latest_vector(customer_states),
            customer_states.c.complaints,
        )
        .cte("touched")
    )
    own = touched.c.customer_id
    return compile_statement(
        select(
            *(own, touched.c.numbers, touched.c.texts, offered(own), open_complaints(own, touched.c.complaints)),
            *(recorded_stage_key(own), in_person(own, touched)),
        )
    )


RESTATE_CUSTOMERS: Final = _restate_customers()
