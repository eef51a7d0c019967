"""customers by their first event: a few dated years before all others are found at once

Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_customer_states_first_event_us", "customer_states", ["first_event_us"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_customer_states_first_event_us", table_name="customer_states")
