"""costs of acquisition; what is no order by type and time

Revises: 0044
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acquisition_costs",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint("first_day < until_day", name=op.f("ck_acquisition_costs_days")),
        sa.PrimaryKeyConstraint("channel", "first_day", name=op.f("pk_acquisition_costs")),
        if_not_exists=True,
    )
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '10min'")  # it is waited for transactions alone, and no writer waits behind it
        op.drop_index("ix_events_type_occurred_us", table_name="events", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "ix_events_type_occurred_us",
            "events",
            ["type", "occurred_us"],
            postgresql_where=sa.text("type <> 'order.completed'"),
            postgresql_concurrently=True,
        )
        op.execute("SET lock_timeout = '300ms'")


def downgrade() -> None:
    op.drop_index("ix_events_type_occurred_us", table_name="events")
    op.drop_table("acquisition_costs")
