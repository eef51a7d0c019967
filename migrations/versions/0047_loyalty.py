"""loyalty: programmes, accounts, lots and the ledger of points

Revises: 0046
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loyalty_programmes",
        sa.Column("version", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("effective_us", sa.BigInteger(), nullable=False),
        sa.Column("programme", postgresql.JSONB(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("marked_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_loyalty_programmes")),
    )
    op.create_table(
        "loyalty_accounts",
        sa.Column("customer_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("promised", "active", "reserved", "owed")),
        sa.Column("due_us", sa.BigInteger()),
        sa.CheckConstraint(
            "promised >= 0 AND active >= 0 AND reserved >= 0 AND owed >= 0", name=op.f("ck_loyalty_accounts_balances")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_loyalty_accounts")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_loyalty_accounts_due_us", "loyalty_accounts", ["due_us"], postgresql_where=sa.text("due_us IS NOT NULL")
    )
    op.create_table(
        "loyalty_lots",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("customer_id", "source", "id", "kind")),
        sa.Column("reference", sa.Text()),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("version", "occurred_us", "active_us")),
        sa.Column("expires_us", sa.BigInteger()),
        sa.Column("stage", sa.Text()),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("points", "promised", "active", "reserved", "expired")
        ),
        sa.CheckConstraint(
            "points >= 0 AND promised >= 0 AND active >= 0 AND reserved >= 0 AND expired >= 0",
            name=op.f("ck_loyalty_lots_points"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "source", "id", name=op.f("pk_loyalty_lots")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_table(
        "loyalty_entries",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "id")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("at_us", "posted_us")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("from_account", "to_account")),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.CheckConstraint("points > 0 AND from_account <> to_account", name=op.f("ck_loyalty_entries_balanced")),
        sa.PrimaryKeyConstraint("customer_id", "entry_id", name=op.f("pk_loyalty_entries")),
    )
    op.create_index(
        "ix_loyalty_entries_reference",
        "loyalty_entries",
        ["customer_id", "reference"],
        postgresql_where=sa.text("reference IS NOT NULL"),
    )
    op.create_index(
        "ix_loyalty_lots_expires_us", "loyalty_lots", ["expires_us"], postgresql_where=sa.text("active > 0")
    )
    op.create_table(
        "loyalty_pending",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("pending_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "pending_id", name=op.f("pk_loyalty_pending")),
    )
    op.create_index("ix_loyalty_pending_pending_id", "loyalty_pending", ["pending_id"])


def downgrade() -> None:
    for name in ("pending", "entries", "lots", "accounts", "programmes"):
        op.drop_table(f"loyalty_{name}")
