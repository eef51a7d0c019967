"""reports on how a model of recommendations fares

Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

OF_SCORES = "kind IN ('drift', 'outcome')"
OF_BOTH = "kind IN ('drift', 'outcome', 'due', 'baskets')"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_model_reports_kind"), "model_reports")
    op.create_check_constraint(op.f("ck_model_reports_kind"), "model_reports", OF_BOTH)


def downgrade() -> None:
    op.execute("DELETE FROM model_reports WHERE kind IN ('due', 'baskets')")
    op.drop_constraint(op.f("ck_model_reports_kind"), "model_reports")
    op.create_check_constraint(op.f("ck_model_reports_kind"), "model_reports", OF_SCORES)
