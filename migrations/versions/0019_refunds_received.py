"""refunds by the time of their receipt

Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_REFUNDS = "type = 'order.refunded'"


def upgrade() -> None:
    op.create_index(
        "ix_events_received_us", "events", ["received_us"], unique=False, postgresql_where=sa.text(_REFUNDS)
    )


def downgrade() -> None:
    op.drop_index("ix_events_received_us", table_name="events")
