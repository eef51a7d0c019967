"""what was recommended, and what became of it

Revises: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OF_RECOMMENDATIONS = "type IN ('recommendation.shown', 'recommendation.clicked', 'recommendation.added')"


def upgrade() -> None:
    op.create_table(
        "recommendations",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("recommendation_id", sa.Text(), nullable=False),
        sa.Column("given_us", sa.BigInteger(), nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.Column("store", sa.Text()),
        sa.Column("model_version", sa.Text()),
        sa.Column("items", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "recommendation_id", name="pk_recommendations"),
    )
    op.create_index("ix_recommendations_given_us", "recommendations", ["given_us"], unique=False)
    op.create_index(
        "ix_events_reference", "events", ["reference"], unique=False, postgresql_where=sa.text(_OF_RECOMMENDATIONS)
    )


def downgrade() -> None:
    op.drop_index("ix_events_reference", table_name="events")
    op.drop_table("recommendations")
