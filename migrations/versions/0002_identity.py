"""identity: links and persons

Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("low_id", sa.Text(), nullable=False),
        sa.Column("high_id", sa.Text(), nullable=False),
        sa.Column("is_joined", sa.Boolean(), nullable=False),
        sa.Column("survivor_id", sa.Text(), nullable=False),
        sa.Column("occurred_us", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("low_id", "high_id", name=op.f("pk_links")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_links_high_id", "links", ["high_id"], unique=False)
    op.create_table(
        "persons",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_persons")),
    )
    op.create_index("ix_persons_person_id", "persons", ["person_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_persons_person_id", table_name="persons")
    op.drop_table("persons")
    op.drop_index("ix_links_high_id", table_name="links")
    op.drop_table("links")
