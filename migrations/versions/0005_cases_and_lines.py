"""service cases as a state of their own; order lines beside the event

Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_cases",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=True),
        sa.Column("complained_us", sa.BigInteger(), nullable=True),
        sa.Column("answered_us", sa.BigInteger(), nullable=True),
        sa.Column("resolved_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", "case_id", name=op.f("pk_customer_cases")),
        postgresql_with={"fillfactor": 70},
    )
    op.execute(
        "CREATE TYPE order_line AS (item_id text, category text, quantity double precision, price_minor bigint,"
        " discount_minor bigint)"
    )
    op.execute("ALTER TABLE events ADD COLUMN lines order_line[]")


def downgrade() -> None:
    op.drop_column("events", "lines")
    op.execute("DROP TYPE order_line")
    op.drop_table("customer_cases")
