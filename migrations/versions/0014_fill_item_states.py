"""states of items of the events there are

Looks get their item as reference, orders lose what was given back of them, and both are counted item by item: in ranges
of customers, each statement committed by itself, so that no till waits. Begun again after it was cut short, it makes
the same once more. Nobody else writes these tables before it is done.

Stop processes of the version before first: they would count no items of what they keep.

Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

from app.foundation.settings import Settings

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CUSTOMERS = 2_000

NEXT = """
SELECT max(customer_id) FROM (
    SELECT DISTINCT customer_id COLLATE "C" AS customer_id FROM events WHERE customer_id COLLATE "C" > :after
    ORDER BY 1 LIMIT :most) AS page
"""
_RANGE = 'customer_id COLLATE "C" > :after AND customer_id COLLATE "C" <= :through'

REFER = f"""
UPDATE events SET reference = data ->> 'product_id'
WHERE {_RANGE} AND type IN ('product.viewed', 'product.added') AND reference IS NULL
      AND json_typeof(data -> 'product_id') = 'string'
"""  # noqa: S608 - our own words

TAKE_OFF = f"""
WITH refunds AS (
  SELECT bought.source, bought.reference, refund.id, coalesce(refund.told_lines, refund.lines) AS lines
  FROM events AS bought JOIN events AS refund ON refund.source = bought.source AND refund.reference = bought.reference
   AND refund.type IN ('order.refunded', 'order.refunded (void)')
  WHERE bought.{_RANGE.replace(" AND ", " AND bought.")} AND bought.id = 'order-' || bought.reference
    AND bought.type LIKE 'order.completed%' AND coalesce(refund.told_lines, refund.lines) IS NOT NULL
), returned AS (
  SELECT source, reference, line.item_id, sum(line.quantity) AS quantity
  FROM refunds, unnest(lines) AS line GROUP BY source, reference, line.item_id
), lines_told AS (
  SELECT source, reference, coalesce(told_lines, lines) AS lines FROM events AS bought
  WHERE id = 'order-' || reference AND (source, reference) IN (SELECT source, reference FROM returned)
), less AS (
  SELECT lines_told.source, lines_told.reference, lines_told.lines AS told_lines, ARRAY(
    SELECT ROW(line.item_id, line.category, line.quantity - line.given, line.price_minor,
               round(line.discount_minor * (1 - line.given / line.quantity)))::order_line
    FROM (
      SELECT sold.*, least(sold.quantity, greatest(0, coalesce(returned.quantity, 0) + sold.quantity
               - sum(sold.quantity) OVER (PARTITION BY sold.item_id ORDER BY sold.place))) AS given
      FROM unnest(lines_told.lines) WITH ORDINALITY
        AS sold (item_id, category, quantity, price_minor, discount_minor, place)
      LEFT JOIN returned ON returned.source = lines_told.source AND returned.reference = lines_told.reference
       AND returned.item_id = sold.item_id
    ) AS line
    WHERE line.quantity - line.given > 1e-9 * line.quantity
    ORDER BY line.place) AS lines
  FROM lines_told
), orders AS (
  UPDATE events SET lines = less.lines,
    told_lines = CASE WHEN less.lines IS DISTINCT FROM less.told_lines THEN less.told_lines END
  FROM less WHERE events.source = less.source AND events.id = 'order-' || less.reference AND less.told_lines IS NOT NULL
)
UPDATE events SET lines = NULL, told_lines = refunds.lines
FROM refunds WHERE events.source = refunds.source AND events.id = refunds.id AND events.lines IS NOT NULL
"""  # noqa: S608 - our own words

EMPTY = "DELETE FROM {table} WHERE " + _RANGE  # noqa: S608 - our own words

_LEFT = "exp(greatest((last_us - occurred_us)::float8 / -{days}e0 / 86400000000e0, -1000e0) * 0.6931471805599453e0)"

ITEMS = f"""
WITH rows AS (
  SELECT customer_id, source, id, type, occurred_us, items.*
  FROM events CROSS JOIN LATERAL (
    SELECT line.item_id, sum(line.quantity) AS quantity, max((coalesce(line.discount_minor, 0) > 0)::int) AS discounted,
           sum(floor(greatest(-1e12, least(1e12, line.quantity * coalesce(line.price_minor, 0)::float8
                                                 - coalesce(line.discount_minor, 0)::float8)) + 0.5)) AS spend_minor
    FROM unnest(lines) AS line GROUP BY line.item_id) AS items
  WHERE {_RANGE} AND customer_id NOT LIKE '~basket:%' AND type IN ('order.completed', 'order.refunded')
), annotated AS (
  SELECT *, max(occurred_us) OVER (PARTITION BY customer_id, item_id) AS last_us,
         lag(occurred_us) OVER (PARTITION BY customer_id, item_id, type ORDER BY occurred_us, source, id) AS previous_us
  FROM rows
)
INSERT INTO customer_items (customer_id, item_id, orders, quantity, spend_minor, discounted_orders, refunds,
  refunded_quantity, first_event_us, last_event_us, first_order_us, last_order_us, second_last_order_us,
  orders_decayed_30d, orders_decayed_120d)
SELECT customer_id, item_id, count(*) FILTER (WHERE bought), coalesce(sum(quantity) FILTER (WHERE bought), 0),
       coalesce(sum(spend_minor) FILTER (WHERE bought), 0), coalesce(sum(discounted) FILTER (WHERE bought), 0),
       count(*) FILTER (WHERE NOT bought), coalesce(sum(quantity) FILTER (WHERE NOT bought), 0),
       min(occurred_us), max(occurred_us), min(occurred_us) FILTER (WHERE bought),
       max(occurred_us) FILTER (WHERE bought), max(previous_us) FILTER (WHERE bought),
       coalesce(sum({_LEFT.format(days=30)}) FILTER (WHERE bought), 0),
       coalesce(sum({_LEFT.format(days=120)}) FILTER (WHERE bought), 0)
FROM (SELECT *, type = 'order.completed' AS bought FROM annotated) AS told
GROUP BY customer_id, item_id ORDER BY customer_id, item_id
"""  # noqa: S608 - our own words

INTERESTS = f"""
INSERT INTO customer_interests (customer_id, item_id, views, carts, first_event_us, last_event_us, last_view_us,
  last_cart_us, views_decayed_15d)
SELECT customer_id, reference, count(*) FILTER (WHERE viewed), count(*) FILTER (WHERE NOT viewed), min(occurred_us),
       max(occurred_us), max(occurred_us) FILTER (WHERE viewed), max(occurred_us) FILTER (WHERE NOT viewed),
       coalesce(sum({_LEFT.format(days=15)}) FILTER (WHERE viewed), 0)
FROM (
  SELECT customer_id, reference, occurred_us, type = 'product.viewed' AS viewed,
         max(occurred_us) OVER (PARTITION BY customer_id, reference) AS last_us
  FROM events
  WHERE {_RANGE} AND customer_id NOT LIKE '~basket:%' AND type IN ('product.viewed', 'product.added')
        AND reference IS NOT NULL) AS told
GROUP BY customer_id, reference ORDER BY customer_id, reference
"""  # noqa: S608 - our own words

FORGET = f"""
WITH ranked AS (
  SELECT customer_id, item_id, row_number() OVER (
    PARTITION BY customer_id ORDER BY last_event_us DESC, item_id COLLATE "C" DESC) AS place
  FROM {{table}} WHERE {_RANGE}
), gone AS (
  DELETE FROM {{table}} AS kept USING ranked
  WHERE kept.customer_id = ranked.customer_id AND kept.item_id = ranked.item_id AND ranked.place > :kept
  RETURNING kept.customer_id, kept.last_event_us
)
INSERT INTO state_horizons (customer_id, state, horizon_us)
SELECT customer_id, '{{state}}', max(last_event_us) FROM gone GROUP BY customer_id
ON CONFLICT (customer_id, state) DO UPDATE SET horizon_us = excluded.horizon_us
"""  # noqa: S608 - our own words

FILL = (
    (EMPTY.format(table="customer_items"), ITEMS, FORGET.format(table="customer_items", state="item")),
    (EMPTY.format(table="customer_interests"), INTERESTS, FORGET.format(table="customer_interests", state="interest")),
)


def upgrade() -> None:
    kept = Settings.from_environment().items_kept
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        for statements in ((REFER, TAKE_OFF), *FILL):
            after = ""
            while (
                through := connection.execute(sa.text(NEXT), {"after": after, "most": CUSTOMERS}).scalar()
            ) is not None:
                for statement in statements:
                    span = {"after": after, "through": through, **({"kept": kept} if ":kept" in statement else {})}
                    connection.execute(sa.text(statement), span)
                after = through


def downgrade() -> None:
    op.execute("UPDATE events SET lines = told_lines WHERE told_lines IS NOT NULL")
    op.execute("UPDATE events SET reference = NULL WHERE type IN ('product.viewed', 'product.added')")
