"""the birthday is kept of a customer

Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customer_states", sa.Column("latest_birthday", sa.Text(collation="C"), nullable=True))


def downgrade() -> None:
    op.drop_column("customer_states", "latest_birthday")
