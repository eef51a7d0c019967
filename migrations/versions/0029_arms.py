"""who is in which arm, and whether the arms have their shares

Revises: 0028
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "arms",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("decided_us", sa.BigInteger(), nullable=False),
        sa.Column("control_share", sa.Double(), nullable=False),
        sa.Column("usual_share", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_arms"),
    )
    op.create_index("ix_arms_decided_us", "arms", ["decided_us"], unique=False)
    op.create_table(
        "arm_reports",
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("report", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("at_us", name="pk_arm_reports"),
    )


def downgrade() -> None:
    op.drop_table("arm_reports")
    op.drop_index("ix_arms_decided_us", table_name="arms")
    op.drop_table("arms")
