"""receipts are found by the decision's id, and by time

Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_decisions_decision_id", "decisions", ["decision_id"], postgresql_using="hash")
    op.create_index("ix_decisions_decided_us", "decisions", ["decided_us"])


def downgrade() -> None:
    op.drop_index("ix_decisions_decided_us", table_name="decisions")
    op.drop_index("ix_decisions_decision_id", table_name="decisions")
