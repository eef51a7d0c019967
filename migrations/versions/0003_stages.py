"""stages, their transitions, and the sweeps that found them

Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stages",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("from_stage", sa.Text(), nullable=True),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("churn_risk", sa.Double(), nullable=True),
        sa.Column("expected_loss", sa.Double(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("checked_us", sa.BigInteger(), nullable=False),
        sa.Column("crossed_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_stages")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_stages_crossed_us",
        "stages",
        ["crossed_us"],
        unique=False,
        postgresql_where=sa.text("crossed_us IS NOT NULL"),
    )
    op.create_table(
        "stage_transitions",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("from_stage", sa.Text(), nullable=True),
        sa.Column("to_stage", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("churn_risk", sa.Double(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "at_us", name=op.f("pk_stage_transitions")),
    )
    op.create_index("ix_stage_transitions_at_us", "stage_transitions", ["at_us"], unique=False)
    op.create_table(
        "sweeps",
        sa.Column("sweep_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("transitions", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sweep_id", name=op.f("pk_sweeps")),
    )


def downgrade() -> None:
    op.drop_table("sweeps")
    op.drop_index("ix_stage_transitions_at_us", table_name="stage_transitions")
    op.drop_table("stage_transitions")
    op.drop_index("ix_stages_crossed_us", table_name="stages")
    op.drop_table("stages")
