"""actions have versions

Revises: 0029
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "action_versions",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("action_id", sa.Text(), nullable=False),
        sa.Column("definition", JSONB(), nullable=True),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_action_versions"),
    )
    op.create_index("ix_action_versions_action_id", "action_versions", ["action_id", "version"], unique=False)
    op.execute(
        "INSERT INTO action_versions"
        " SELECT row_number() OVER (ORDER BY updated_us, action_id), action_id, definition, updated_us, 'before'"
        " FROM actions"
    )


def downgrade() -> None:
    op.drop_index("ix_action_versions_action_id", table_name="action_versions")
    op.drop_table("action_versions")
