"""states of items that were given back whole

Their customers know them, so that they are not new to them. Orders that were given back count in the times of a state
from now on, and decayed sums are counted to the later one. In ranges of customers, each committed by itself. Begun
again after it was cut short, it makes nothing twice. Nobody else writes these tables before it is done.

Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

CUSTOMERS = 2_000

NEXT = """
SELECT max(customer_id) FROM (
    SELECT DISTINCT customer_id COLLATE "C" AS customer_id FROM events WHERE customer_id COLLATE "C" > :after
    ORDER BY 1 LIMIT :most) AS page
"""
_RANGE = 'customer_id COLLATE "C" > :after AND customer_id COLLATE "C" <= :through'

_LATER = "greatest(customer_items.last_event_us, excluded.last_event_us) - customer_items.last_event_us"
_LEFT = f"exp(greatest(({_LATER})::float8 / -{{days}}e0 / 86400000000e0, -1000e0) * 0.6931471805599453e0)"

KNOWN = f"""
WITH gone AS (
  SELECT events.customer_id, line.item_id, events.occurred_us
  FROM events CROSS JOIN LATERAL (
    SELECT item_id FROM unnest(coalesce(told_lines, lines)) AS told
    WHERE type = 'order.completed (given back)' OR NOT EXISTS (
      SELECT FROM unnest(lines) AS kept WHERE kept.item_id = told.item_id)
    GROUP BY item_id) AS line
  WHERE events.{_RANGE.replace(" AND ", " AND events.")} AND customer_id NOT LIKE '~basket:%'
    AND (type = 'order.completed (given back)' OR type = 'order.completed' AND told_lines IS NOT NULL)
), counted AS (
  SELECT gone.* FROM gone
  LEFT JOIN state_horizons AS horizon ON horizon.customer_id = gone.customer_id AND horizon.state = 'item'
  LEFT JOIN customer_items AS kept ON kept.customer_id = gone.customer_id AND kept.item_id = gone.item_id
  WHERE horizon.horizon_us IS NULL OR gone.occurred_us > horizon.horizon_us OR gone.occurred_us >= kept.first_event_us
)
INSERT INTO customer_items (customer_id, item_id, first_event_us, last_event_us)
SELECT customer_id, item_id, min(occurred_us), max(occurred_us) FROM counted
GROUP BY customer_id, item_id ORDER BY customer_id, item_id
ON CONFLICT (customer_id, item_id) DO UPDATE SET
  first_event_us = least(customer_items.first_event_us, excluded.first_event_us),
  last_event_us = greatest(customer_items.last_event_us, excluded.last_event_us),
  orders_decayed_30d = customer_items.orders_decayed_30d * {_LEFT.format(days=30)},
  orders_decayed_120d = customer_items.orders_decayed_120d * {_LEFT.format(days=120)}
"""  # noqa: S608 - our own words


def upgrade() -> None:
    with op.get_context().autocommit_block():
        connection, after = op.get_bind(), ""
        while (through := connection.execute(sa.text(NEXT), {"after": after, "most": CUSTOMERS}).scalar()) is not None:
            connection.execute(sa.text(KNOWN), {"after": after, "through": through})
            after = through


def downgrade() -> None:
    op.execute("DELETE FROM customer_items WHERE orders = 0 AND refunds = 0")
