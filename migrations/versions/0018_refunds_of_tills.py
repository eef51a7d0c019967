"""what is said of an order is found by its customer, too

Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_OF_ORDERS = (
    "type IN ('order.cancelled', 'order.updated', 'order.refunded', 'order.refunded (void)', 'points.earned',"
    " 'points.redeemed', 'points.expired', 'points.earned (void)', 'points.redeemed (void)', 'points.expired (void)')"
)


def _index(*columns: str) -> None:
    op.drop_index("ix_events_source_reference", table_name="events")
    where = sa.text(_OF_ORDERS)
    op.create_index("ix_events_source_reference", "events", [*columns], unique=False, postgresql_where=where)


def upgrade() -> None:
    _index("source", "reference", "customer_id")


def downgrade() -> None:
    _index("source", "reference")
