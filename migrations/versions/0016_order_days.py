"""the days with an order of every customer

In ranges of customers, each committed by itself, so that no till waits. Begun again after it was cut short, it changes
nothing that is filled already. What processes of the version before count meanwhile is added, once the last of them
has gone, by `perennial rebuild --measure order_days`.

Revises: 0015
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CUSTOMERS = 5_000

NEXT = """
SELECT max(customer_id) FROM (
    SELECT customer_id COLLATE "C" AS customer_id FROM customer_states WHERE customer_id COLLATE "C" > :after
    ORDER BY 1 LIMIT :most) AS page
"""

FILL = """
WITH found AS (
    SELECT customer_id, array_agg(DISTINCT ((occurred_us + 86400000000000000) / 86400000000 - 1000000)::int) AS days
    FROM events
    WHERE customer_id COLLATE "C" > :after AND customer_id COLLATE "C" <= :through AND type = 'order.completed'
    GROUP BY customer_id)
UPDATE customer_states
SET order_days = ARRAY(SELECT DISTINCT day FROM unnest(order_days || found.days) AS day ORDER BY day)
FROM found
WHERE customer_states.customer_id = found.customer_id AND NOT order_days @> found.days
"""


def upgrade() -> None:
    days: sa.Column[Any] = sa.Column(
        "order_days", postgresql.ARRAY(sa.Integer()), nullable=False, server_default=sa.text("'{}'")
    )
    op.add_column("customer_states", days, if_not_exists=True)
    with op.get_context().autocommit_block():
        connection, after = op.get_bind(), ""
        while (through := connection.execute(sa.text(NEXT), {"after": after, "most": CUSTOMERS}).scalar()) is not None:
            connection.execute(sa.text(FILL), {"after": after, "through": through})
            after = through


def downgrade() -> None:
    op.drop_column("customer_states", "order_days")
