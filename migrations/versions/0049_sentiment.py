"""models of sentiment

Revises: 0048
"""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _allow("'score', 'recommend', 'policy', 'sentiment'")


def downgrade() -> None:
    op.execute("DELETE FROM models WHERE kind = 'sentiment'")
    _allow("'score', 'recommend', 'policy'")


def _allow(kinds: str) -> None:
    op.drop_constraint(op.f("ck_models_kind"), "models", type_="check")
    op.create_check_constraint(op.f("ck_models_kind"), "models", f"kind IN ({kinds})")
