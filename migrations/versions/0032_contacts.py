"""what customers were told, and what was given of each action

Revises: 0031
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("action_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text()),
        sa.Column("decided_us", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("reserved_until_us", sa.BigInteger()),
        sa.Column("counted_day", sa.Integer()),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "decision_id", "action_id", name="pk_contacts"),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_contacts_reserved_until_us",
        "contacts",
        ["reserved_until_us"],
        postgresql_where=sa.text("reserved_until_us IS NOT NULL"),
    )
    op.create_index("ix_contacts_at_us", "contacts", ["at_us"])
    op.create_table(
        "contact_turns",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_contact_turns"),
    )
    op.create_table(
        "action_counters",
        sa.Column("action_id", sa.Text(), nullable=False),
        sa.Column("given", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spent_minor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("day", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("given_on_day", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("action_id", name="pk_action_counters"),
        postgresql_with={"fillfactor": 20},
    )
    op.create_table(
        "contact_policies",
        sa.Column("version", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("policy", JSONB(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_contact_policies"),
    )


def downgrade() -> None:
    for table in ("contact_policies", "action_counters", "contact_turns", "contacts"):
        op.drop_table(table)
