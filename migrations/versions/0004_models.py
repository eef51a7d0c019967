"""models, their life and their watch; the published scores

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_registry()
    _create_watch()
    op.create_table(
        "scores",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("churn_risk", sa.Double(), nullable=True),
        sa.Column("expected_orders", sa.Double(), nullable=True),
        sa.Column("expected_spend_minor", sa.Double(), nullable=True),
        sa.Column("value_tier", sa.Text(), nullable=True),
        sa.Column("expected_next_order_us", sa.BigInteger(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_scores")),
    )


def _create_registry() -> None:
    op.create_table(
        "models",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.Column("horizon_days", sa.BigInteger(), nullable=False),
        sa.Column("feature_digest", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("data_from_us", sa.BigInteger(), nullable=False),
        sa.Column("data_until_us", sa.BigInteger(), nullable=False),
        sa.Column("metrics", postgresql.JSONB(), nullable=False),
        sa.Column("registered_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("tables", sa.LargeBinary(), nullable=False),
        sa.Column("card", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('champion', 'challenger', 'retired')", name=op.f("ck_models_state")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_models")),
    )
    op.create_index(
        "uq_models_champion", "models", ["state"], unique=True, postgresql_where=sa.text("state = 'champion'")
    )
    op.create_table(
        "model_changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("was", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "act IN ('registered', 'promoted', 'rolled_back', 'replaced', 'kept')", name=op.f("ck_model_changes_act")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_model_changes")),
    )


def _create_watch() -> None:
    op.create_table(
        "predictions",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("churn_risk", sa.Double(), nullable=False),
        sa.Column("expected_orders", sa.Double(), nullable=False),
        sa.Column("expected_spend_minor", sa.Double(), nullable=False),
        sa.Column("orders_ahead", sa.BigInteger(), nullable=True),
        sa.Column("spend_ahead_minor", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", "version", "at_us", name=op.f("pk_predictions")),
    )
    op.create_index(
        "ix_predictions_at_us",
        "predictions",
        ["at_us"],
        unique=False,
    )
    op.create_table(
        "model_reports",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("report", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("kind IN ('drift', 'outcome')", name=op.f("ck_model_reports_kind")),
        sa.PrimaryKeyConstraint("version", "kind", "at_us", name=op.f("pk_model_reports")),
    )


def downgrade() -> None:
    op.drop_table("scores")
    op.drop_table("model_reports")
    op.drop_index("ix_predictions_at_us", table_name="predictions")
    op.drop_table("predictions")
    op.drop_table("model_changes")
    op.drop_index("uq_models_champion", table_name="models")
    op.drop_table("models")
