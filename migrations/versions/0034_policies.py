"""policies that are learned of decisions are a kind of model

A process of the version before refuses one by its kind, says so, and keeps what it holds. Its commands make none.

Revises: 0033
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_models_kind"), "models")
    op.create_check_constraint(op.f("ck_models_kind"), "models", "kind IN ('score', 'recommend', 'policy')")


def downgrade() -> None:
    policies = "SELECT version FROM models WHERE kind = 'policy'"
    for table in ("model_changes", "model_reports"):
        op.execute(f"DELETE FROM {table} WHERE version IN ({policies})")  # noqa: S608 - ours alone
    op.execute("DELETE FROM models WHERE kind = 'policy'")
    op.drop_constraint(op.f("ck_models_kind"), "models")
    op.create_check_constraint(op.f("ck_models_kind"), "models", "kind IN ('score', 'recommend')")
