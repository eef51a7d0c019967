"""up to when events of each kind have left the log

Revises: 0045
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "left_kinds",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_left_kinds")),
    )
    # of which kind those were that have left by now was not kept: of any
    op.execute(
        "INSERT INTO left_kinds SELECT kind, max(until_us) FROM bases CROSS JOIN unnest(ARRAY['order', 'visit',"
        " 'feedback', 'case', 'points', 'tier', 'action', 'recommendation', 'other']) AS kind GROUP BY kind"
    )


def downgrade() -> None:
    op.drop_table("left_kinds")
