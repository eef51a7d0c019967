"""orders by their time, and the buyers of an item in an order that is as good as drawn

Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_events_ordered_us",
        "events",
        ["occurred_us"],
        unique=False,
        postgresql_where=sa.text("type = 'order.completed'"),
    )
    op.create_index(
        "ix_customer_items_drawn", "customer_items", ["item_id", sa.text("hashtext(customer_id)")], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_customer_items_drawn", table_name="customer_items")
    op.drop_index("ix_events_ordered_us", table_name="events")
