"""how deep offers go

Revises: 0026
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "price_offers",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("valid_from_us", sa.BigInteger(), nullable=False),
        sa.Column("valid_until_us", sa.BigInteger(), nullable=False),
        sa.Column("depth", sa.Double(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("receipt", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "item_id", "valid_from_us", name="pk_price_offers"),
    )
    op.create_index("ix_price_offers_valid_until_us", "price_offers", ["valid_until_us"], unique=False)
    op.create_table(
        "shop_shares",
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("at_us", name="pk_shop_shares"),
    )
    op.add_column("recommendations", sa.Column("offers", JSONB))


def downgrade() -> None:
    op.drop_column("recommendations", "offers")
    op.drop_table("shop_shares")
    op.drop_index("ix_price_offers_valid_until_us", table_name="price_offers")
    op.drop_table("price_offers")
