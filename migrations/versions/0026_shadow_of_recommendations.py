"""what the challenger of recommendations would have shown

Revises: 0025
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BEFORE = "kind IN ('drift', 'outcome', 'due', 'baskets')"
KINDS = "kind IN ('drift', 'outcome', 'due', 'baskets', 'shadow')"


def upgrade() -> None:
    op.create_table(
        "recommendation_shadows",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("recommendation_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("given_us", sa.BigInteger(), nullable=False),
        sa.Column("items", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "recommendation_id", "version", name="pk_recommendation_shadows"),
    )
    op.create_index("ix_recommendation_shadows_given_us", "recommendation_shadows", ["given_us"], unique=False)
    op.drop_constraint(op.f("ck_model_reports_kind"), "model_reports")
    op.create_check_constraint(op.f("ck_model_reports_kind"), "model_reports", KINDS)


def downgrade() -> None:
    op.execute("DELETE FROM model_reports WHERE kind = 'shadow'")
    op.drop_constraint(op.f("ck_model_reports_kind"), "model_reports")
    op.create_check_constraint(op.f("ck_model_reports_kind"), "model_reports", BEFORE)
    op.drop_table("recommendation_shadows")
