"""the catalogue of items

Revises: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text()),
        sa.Column("title_zh", sa.Text()),
        sa.Column("category", postgresql.JSONB(), nullable=False),
        sa.Column("brand", sa.Text()),
        sa.Column("price_minor", sa.BigInteger()),
        sa.Column("margin", sa.Double()),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.Column("in_stock_by_store", postgresql.JSONB(), nullable=False),
        sa.Column("valid_from_us", sa.BigInteger()),
        sa.Column("valid_to_us", sa.BigInteger()),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("substitute_of", sa.Text()),
        sa.Column("pack_of", sa.Text()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="pk_items"),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_items_version", "items", ["version"], unique=False)


def downgrade() -> None:
    op.drop_table("items")
