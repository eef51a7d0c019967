"""redemptions of points

Revises: 0047
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loyalty_redemptions",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("redemption_id", sa.Text(), nullable=False),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text()),
        sa.Column("reserved_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("settled_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("customer_id", "redemption_id", name=op.f("pk_loyalty_redemptions")),
    )
    op.create_index(
        "uq_loyalty_redemptions_redemption_id",
        "loyalty_redemptions",
        ["redemption_id"],
        unique=True,
        postgresql_where=sa.text("is_first"),
    )
    op.create_index("ix_loyalty_redemptions_redemption_id", "loyalty_redemptions", ["redemption_id"])


def downgrade() -> None:
    op.drop_table("loyalty_redemptions")
