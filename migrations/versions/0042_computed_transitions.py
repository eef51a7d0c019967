"""stages of before the record began

Revises: 0041
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "stage_transitions",
        sa.Column("is_computed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    op.execute("DELETE FROM stage_transitions WHERE is_computed OR from_stage = to_stage")
    op.drop_column("stage_transitions", "is_computed")
