"""what models said of targets beyond the three, and what came of these

Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("expected_others", "sums_ahead"):
        op.add_column("predictions", sa.Column(name, postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    for name in ("sums_ahead", "expected_others"):
        op.drop_column("predictions", name)
