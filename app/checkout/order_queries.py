"""The statements that make of an order what was said of it last: changed, or never been.

The facts of the order's row in the log, and of its refunds', are written anew; what was sent stays beside them.
Whatever reads the log (`verify`, `rebuild`, models, labels) reads the same facts, and need not know of changes. The
customers' states are then made anew from the log: a first or a last time cannot be taken back by a difference.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Text as SqlText
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.case_queries import complaint_standing
from app.customers.consent_queries import consent_words
from app.customers.linking_queries import in_person
from app.customers.queries import offered
from app.database.bases import base_of, recomputed
from app.database.engine import Statement, compile_statement
from app.database.states import latest_vector, numeric_vector
from app.database.tables import customer_states, events
from app.lifecycle import events as e
from app.lifecycle.states import CUSTOMER
from app.stages.queries import recorded_stage_key

_PART_LOCK: Final = 7_062
_ORDER_LOCK: Final = 7_063
_PARTS: Final = 256
_FEW: Final = 64
"""Orders that are held one by one; a batch has a thousand at most."""
_KEPT_AS: Final = {
    "<orders>": (*e.SALES, e.ORDER_VOIDED),
    "<refunds>": (e.ORDER_REFUNDED, e.REFUND_VOIDED),
    "<points>": (*e.POINTS_TYPES, *(f"{type_} (void)" for type_ in e.POINTS_TYPES)),
}
"""The types that orders, refunds and points are kept under."""
_CUSTOMERS: Final = bindparam("customer_ids", type_=ARRAY(SqlText))


def _of_orders(statement: str) -> Statement:
    """One whose parameters are the arrays `source` and `reference`, and `customer_ids` where it names them; with the
    types of _KEPT_AS for their names."""
    for name, types in _KEPT_AS.items():
        statement = statement.replace(name, ", ".join(f"'{type_}'" for type_ in types))
    names = ("source", "reference", *(("customer_ids",) if ":customer_ids" in statement else ()))
    return compile_statement(text(statement).bindparams(*(bindparam(name, type_=ARRAY(SqlText)) for name in names)))


def begin_with(claims: Sequence[int]) -> str:
    """Begins a transaction that holds the orders of `OrderIdentity.claims_of`, in one round trip.

    A few orders are held one by one, so that two tills hardly ever wait for each other, and the parts that they are of
    together with others; of many whole parts are held, since a server has room for some thousands of locks. All take
    parts first, then orders, each ascending: nobody waits in a circle.
    """
    if not claims:
        return "BEGIN"
    parts = sorted({claim % _PARTS for claim in claims})
    if len(claims) > _FEW:
        return f"BEGIN; {_lock('pg_advisory_xact_lock', _PART_LOCK, parts)}"
    shared = _lock("pg_advisory_xact_lock_shared", _PART_LOCK, parts)
    return f"BEGIN; {shared}; {_lock('pg_advisory_xact_lock', _ORDER_LOCK, claims)}"


def _lock(function: str, lock_class: int, keys: Sequence[int]) -> str:
    listed = ",".join(map(str, keys))
    return f"SELECT {function}({lock_class}, key) FROM unnest('{{{listed}}}'::int[]) AS key"  # noqa: S608 - our numbers


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
   AND events.type IN (<refunds>, <points>)
)
SELECT customer_id FROM customer_states WHERE customer_id IN (SELECT customer_id FROM concerned)
ORDER BY customer_id FOR UPDATE
""")
"""Locks the states of these customers, and of those whose orders, refunds and points these are, in order."""

FIND_CHANGED: Final = _of_orders("""
SELECT told.source, told.reference
FROM unnest(CAST(:source AS text[]), CAST(:reference AS text[])) AS told (source, reference)
WHERE EXISTS (SELECT FROM events AS change
              WHERE change.source = told.source AND change.reference = told.reference
                AND change.type IN ('order.cancelled', 'order.updated', <refunds>))
""")
"""Those of these orders that something was said of beside what they were at first."""

RESTATE_ORDERS: Final = _of_orders("""
WITH orders AS MATERIALIZED (
  SELECT told.source, told.reference, bought.id IS NOT NULL AS is_known,
         EXISTS (SELECT FROM events AS cancelled
                 WHERE cancelled.source = told.source AND cancelled.reference = told.reference
                   AND cancelled.type = 'order.cancelled'
                   AND NOT EXISTS (SELECT FROM events AS change
                                   WHERE change.source = told.source AND change.reference = told.reference
                                     AND change.type = 'order.updated' AND change.kind IS NULL
                                     AND change.occurred_us > cancelled.occurred_us)) AS is_void,
         coalesce(version.channel, bought.channel) AS channel,
         CASE WHEN version.id IS NULL THEN bought.amount_minor ELSE version.amount_minor END AS amount_minor,
         CASE WHEN version.id IS NULL THEN bought.discount_minor ELSE version.discount_minor END AS discount_minor,
         CASE WHEN version.id IS NULL THEN bought.items ELSE version.items END AS items,
         CASE WHEN version.id IS NULL THEN coalesce(bought.told_lines, bought.lines) ELSE version.lines END AS lines,
         version.occurred_us AS version_us, CAST(version.data -> 'refund_events' AS jsonb) AS refund_events
  FROM unnest(CAST(:source AS text[]), CAST(:reference AS text[])) AS told (source, reference)
  LEFT JOIN events AS bought ON bought.source = told.source AND bought.id = 'order-' || told.reference
   AND bought.type IN (<orders>)
  LEFT JOIN LATERAL (
    SELECT change.* FROM events AS change
    WHERE change.source = told.source AND change.reference = told.reference AND change.type = 'order.updated'
      AND (change.kind IS NULL OR change.kind = 'again' AND change.occurred_us >= bought.occurred_us)
    ORDER BY change.occurred_us DESC, change.kind NULLS LAST,
      CASE WHEN change.kind = 'again' THEN change.received_us END DESC, change.id COLLATE "C" DESC
    LIMIT 1
  ) AS version ON bought.id IS NOT NULL
), refunds AS MATERIALIZED (
  SELECT refund.source, refund.reference, refund.id, refund.occurred_us, refund.kind, orders.amount_minor AS paid_minor,
         ARRAY(SELECT piece ->> 'product_id'
               FROM json_array_elements(CASE WHEN json_typeof(refund.data -> 'products') = 'array'
                                             THEN refund.data -> 'products' END) AS piece
               WHERE piece ->> 'quantity' NOT IN ('0', '0.0')) AS counted_items,
         orders.lines AS sold_lines,
         coalesce(refund.told_lines, refund.lines) AS lines,
         coalesce(refund.occurred_us < version_us AND NOT refund_events @> to_jsonb(refund.id), false) AS is_gone,
         refund.kind = 'whole'
         OR refund.kind = 'lines' AND orders.items > 0 AND refund.items >= orders.items AS is_whole,
         CASE WHEN refund.kind IS NULL THEN refund.amount_minor
              ELSE least(greatest(orders.amount_minor, 0), (
                SELECT CAST(sum(round(line.quantity * coalesce(line.price_minor, (
                         SELECT min(cost.price_minor - coalesce(cost.discount_minor, 0) / cost.quantity)
                         FROM unnest(orders.lines) AS cost WHERE cost.item_id = line.item_id
                       ), 0))) AS bigint)
                FROM unnest(coalesce(refund.told_lines, refund.lines)) AS line
              )) END AS named_minor
  FROM orders JOIN events AS refund ON refund.source = orders.source AND refund.reference = orders.reference
   AND refund.type IN (<refunds>)
), settled AS (
  SELECT source, reference, id, is_whole, is_gone, lines,
         CASE WHEN is_gone OR is_whole IS NOT TRUE THEN coalesce(named_minor, 0)
              WHEN row_number() OVER (PARTITION BY source, reference, is_whole, is_gone
                                      ORDER BY occurred_us, id COLLATE "C") = 1
              THEN greatest(0, coalesce(paid_minor, 0) - coalesce(given_minor, 0))
              ELSE 0 END AS amount_minor
  FROM (
    SELECT *, CAST(sum(named_minor) FILTER (WHERE is_whole IS NOT TRUE AND NOT is_gone)
                   OVER (PARTITION BY source, reference) AS bigint) AS given_minor
    FROM refunds
  ) AS refunds
), given AS (
  SELECT source, reference, sum(amount_minor) AS amount_minor, bool_or(is_whole) AS is_whole
  FROM settled WHERE NOT is_gone GROUP BY source, reference
), named_lines AS (
  SELECT refunds.source, refunds.reference, refunds.kind, refunds.is_whole, refunds.named_minor, line.item_id,
         line.quantity, line.price_minor, cost.price_minor AS cost_minor,
         line.item_id = ANY (refunds.counted_items) AS is_counted,
         sum(line.quantity * coalesce(line.price_minor, cost.price_minor, 0) - 1)
           OVER (PARTITION BY refunds.source, refunds.reference, refunds.id) AS worth_minor
  FROM refunds CROSS JOIN unnest(refunds.lines) AS line LEFT JOIN LATERAL (
    SELECT min(sold.price_minor - coalesce(sold.discount_minor, 0) / sold.quantity) AS price_minor
    FROM unnest(refunds.sold_lines) AS sold WHERE sold.item_id = line.item_id
  ) AS cost ON true
  WHERE NOT refunds.is_gone
), returned AS MATERIALIZED (
  SELECT source, reference, item_id, sum(quantity) AS quantity
  FROM named_lines
  WHERE is_counted OR is_whole
     OR coalesce(price_minor >= cost_minor - 1, true) AND (kind IS NOT NULL OR named_minor >= worth_minor)
  GROUP BY source, reference, item_id
), now AS MATERIALIZED (
  SELECT orders.*,
         CASE WHEN EXISTS (SELECT FROM returned
                           WHERE returned.source = orders.source AND returned.reference = orders.reference)
              THEN ARRAY(
                SELECT ROW(line.item_id, line.category, line.quantity - line.given, line.price_minor,
                           round(line.discount_minor * (1 - line.given / line.quantity)))::order_line
                FROM (
                  SELECT sold.*, least(sold.quantity, greatest(0, coalesce(returned.quantity, 0) + sold.quantity
                           - sum(sold.quantity) OVER (PARTITION BY sold.item_id ORDER BY sold.place))) AS given
                  FROM unnest(orders.lines) WITH ORDINALITY
                    AS sold (item_id, category, quantity, price_minor, discount_minor, place)
                  LEFT JOIN returned ON returned.source = orders.source AND returned.reference = orders.reference
                   AND returned.item_id = sold.item_id
                ) AS line
                WHERE line.quantity - line.given > 1e-9 * line.quantity
                ORDER BY line.place)
              ELSE orders.lines END AS kept_lines,
         CASE WHEN is_void THEN 'order.completed (void)'
              WHEN given.is_whole OR orders.amount_minor > 0 AND given.amount_minor >= orders.amount_minor
              THEN 'order.completed (given back)'
              ELSE 'order.completed' END AS type
  FROM orders LEFT JOIN given USING (source, reference)
), changed_orders AS (
  UPDATE events SET type = now.type, channel = now.channel, amount_minor = now.amount_minor,
    discount_minor = now.discount_minor, items = now.items, lines = now.kept_lines,
    told_lines = CASE WHEN now.kept_lines IS DISTINCT FROM now.lines THEN now.lines END
  FROM now
  WHERE events.source = now.source AND events.id = 'order-' || now.reference AND events.type IN (<orders>)
    AND (events.type, events.channel, events.amount_minor, events.discount_minor, events.items, events.lines,
         coalesce(events.told_lines, events.lines))
        IS DISTINCT FROM (now.type, now.channel, now.amount_minor, now.discount_minor, now.items, now.kept_lines,
         now.lines)
  RETURNING events.customer_id
), changed_refunds AS (
  UPDATE events SET type = kept.type, amount_minor = settled.amount_minor,
    lines = CASE WHEN NOT now.is_known THEN settled.lines END,
    told_lines = CASE WHEN now.is_known THEN settled.lines END
  FROM settled JOIN now USING (source, reference) CROSS JOIN LATERAL (
    SELECT CASE WHEN now.is_void OR settled.is_gone THEN 'order.refunded (void)' ELSE 'order.refunded' END AS type
  ) AS kept
  WHERE events.source = settled.source AND events.id = settled.id
    AND (events.type, events.amount_minor, events.lines) IS DISTINCT FROM
        (kept.type, settled.amount_minor, CASE WHEN NOT now.is_known THEN settled.lines END)
  RETURNING events.customer_id
), changed_points AS (
  UPDATE events
  SET type = split_part(events.type, ' ', 1) || CASE WHEN now.type = 'order.completed' THEN '' ELSE ' (void)' END
  FROM now
  WHERE events.source = now.source AND events.reference = now.reference AND events.type IN (<points>)
    AND (events.type LIKE '% (void)') = (now.type = 'order.completed')
  RETURNING events.customer_id
)
SELECT customer_id FROM changed_orders
UNION SELECT customer_id FROM changed_refunds
UNION SELECT customer_id FROM changed_points
""")
"""Writes the facts of these orders, of their refunds and points as they are now; rows: whose facts were others.

The latest version counts; an order that was told again with another amount is one, where it is no earlier than what
was told first. One is cancelled unless a version is later than that, but for what was merely told again.

A refund that names no amount is worth its lines, at the prices of the order where it tells none, and no more than the
order. One of the whole order, or of all its pieces, takes what the others leave; of several the first by time and id.
Where the order has not come it is worth nothing yet. An order is given back once its refunds come to its amount, or
one is of the whole. Points that name an order count as long as it does. A refund is none where a later version names
the refunds that there are (`refund_events`), and not this one.

The lines that a refund names are off those of its order, the first of an item first, a discount in proportion, where it
says how many pieces came back, or its amount is all that they were worth: else it is a price reduction. The refund has
none any more. As they were told they stay beside them, and that is what a later change begins with.
"""


def _restate_customers() -> Statement:
    """Makes these customers' states anew from the log and what left it; rows as of COUNT_EVENTS, but for `counted`."""
    told = select(events).where(events.c.customer_id == func.any(_CUSTOMERS)).subquery("told")
    base = base_of(CUSTOMER)
    theirs = select(base).where(base.c.customer_id == func.any(_CUSTOMERS)).subquery("theirs")
    remade = recomputed(CUSTOMER, told, theirs)
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
            *(own, touched.c.numbers, touched.c.texts, offered(own), complaint_standing(own, touched.c.complaints)),
            consent_words(own),
            *(recorded_stage_key(own), in_person(own, touched)),
        )
    )


RESTATE_CUSTOMERS: Final = _restate_customers()
