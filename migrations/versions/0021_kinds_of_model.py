"""models of another kind, each with a champion of its own

Models that are there score. A process of the version before goes on with the champion of the scores: it refuses one of
recommendations, and says so. Its commands make none.

Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("models", sa.Column("kind", sa.Text, nullable=False, server_default="score"))
    op.create_check_constraint("kind", "models", "kind IN ('score', 'recommend')")
    op.create_index(
        "uq_models_champion_of_kind", "models", ["kind"], unique=True, postgresql_where=sa.text("state = 'champion'")
    )
    op.drop_index("uq_models_champion", "models")


def downgrade() -> None:
    op.execute("DELETE FROM models WHERE kind <> 'score'")
    op.create_index(
        "uq_models_champion", "models", ["state"], unique=True, postgresql_where=sa.text("state = 'champion'")
    )
    op.drop_index("uq_models_champion_of_kind", "models")
    op.drop_column("models", "kind")
