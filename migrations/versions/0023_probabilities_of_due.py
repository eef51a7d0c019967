"""how probable a purchase was said to be of items that were called due

Revises: 0022
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recommendations", sa.Column("probabilities", JSONB))


def downgrade() -> None:
    op.drop_column("recommendations", "probabilities")
