"""until when a key is valid, and when it was used last

A process of the version before lets in whom a key has ceased to allow; restart it for that to hold everywhere.

Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("expires_us", sa.BigInteger()))
    op.add_column("api_keys", sa.Column("last_used_us", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("api_keys", "last_used_us")
    op.drop_column("api_keys", "expires_us")
