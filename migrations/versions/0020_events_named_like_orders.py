"""events that are no orders, and have ids like those that orders are kept under

Whoever sent `order-7` for another event blocked order 7. Such events get the prefix that they are kept under now. A
latest value that came by one of them names it by the id that it had: `rebuild` names it anew.

Stop processes of the version before first: what they count meanwhile is kept as it was named until then.

Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_RENAME = """
UPDATE events SET id = 'event:' || id
WHERE id ~ '^(event:)*order-'
  AND NOT (type LIKE 'order.completed%' AND id = 'order-' || coalesce(reference, ''))
  AND NOT (source ~ '^/(shopify|woocommerce|import)(/|$)'
           AND (starts_with(id, 'order-' || reference || '-') OR starts_with(id, 'order-' || reference || '/')) IS TRUE)
  AND (source ~ '^/(segment|shopify|woocommerce|import)(/|$)'
       OR EXISTS (SELECT FROM events AS bought
                  WHERE bought.source = events.source AND bought.type LIKE 'order.completed%'
                    AND bought.id = 'order-' || bought.reference))
"""
"""Of sources that always have an identity, and of those that have an order that is known by its number."""


def upgrade() -> None:
    op.execute(sa.text(_RENAME))


def downgrade() -> None:
    op.execute(
        """
        UPDATE events SET id = substr(id, 7)
        WHERE id ~ '^event:(event:)*order-'
          AND NOT EXISTS (SELECT FROM events AS taken WHERE taken.source = events.source
                                                        AND taken.id = substr(events.id, 7))
        """
    )
