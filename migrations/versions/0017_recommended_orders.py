"""orders that name a recommendation, by their time

Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_OF_RECOMMENDED = "type = 'order.completed' AND strpos(CAST(data AS text), 'recommendation_id') > 0"


def upgrade() -> None:
    op.create_index(
        "ix_events_occurred_us", "events", ["occurred_us"], unique=False, postgresql_where=sa.text(_OF_RECOMMENDED)
    )


def downgrade() -> None:
    op.drop_index("ix_events_occurred_us", table_name="events")
