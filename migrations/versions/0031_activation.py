"""decisions that are prepared before they are shown; outcomes are found by the decision's action

Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decisions", sa.Column("reserved_until_us", sa.BigInteger()))
    op.add_column("decisions", sa.Column("activated_us", sa.BigInteger()))
    op.create_index(
        "ix_decisions_reserved_until_us",
        "decisions",
        ["reserved_until_us"],
        postgresql_where=sa.text("reserved_until_us IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_decisions_reserved_until_us", table_name="decisions")
    op.drop_column("decisions", "activated_us")
    op.drop_column("decisions", "reserved_until_us")
