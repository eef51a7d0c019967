"""what events that have left the log came to

A process of the version before counts an event again that has left since: set PERENNIAL_RETENTION once none is left.

Revises: 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

STATES = {
    "customer_states": "customer_id",
    "customer_cases": "customer_id, case_id",
    "customer_consents": "customer_id, purpose, channel",
    "customer_items": "customer_id, item_id",
    "customer_interests": "customer_id, item_id",
}


def upgrade() -> None:
    for table, keys in STATES.items():
        op.execute(f"CREATE TABLE base_{table} (LIKE {table} INCLUDING DEFAULTS) WITH (fillfactor = 70)")
        op.execute(f"ALTER TABLE base_{table} ADD CONSTRAINT pk_base_{table} PRIMARY KEY ({keys})")
    op.create_table(
        "bases",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_bases")),
    )
    op.create_table(
        "base_channels",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "channel", name=op.f("pk_base_channels")),
    )
    op.create_table(
        "base_links",
        sa.Column("low_id", sa.Text(), nullable=False),
        sa.Column("high_id", sa.Text(), nullable=False),
        sa.Column("is_joined", sa.Boolean(), nullable=False),
        sa.Column("survivor_id", sa.Text(), nullable=False),
        sa.Column("occurred_us", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("low_id", "high_id", name=op.f("pk_base_links")),
    )
    op.create_index("ix_base_links_high_id", "base_links", ["high_id"])
    op.create_table(
        "left_events",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_left_events")),
    )
    op.add_column("retention_runs", sa.Column("after_id", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("retention_runs", "after_id")
    for table in ("left_events", "base_links", "base_channels", "bases", *(f"base_{each}" for each in STATES)):
        op.drop_table(table)
