"""policies pass a gate, and are watched: the word of a second person, and two kinds of report

Revises: 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_BEFORE = "'drift', 'outcome', 'due', 'baskets', 'shadow'"


def upgrade() -> None:
    op.create_table(
        "model_approvals",
        sa.Column("approval_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("against", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_model_approvals")),
    )
    op.create_index("ix_model_approvals_version", "model_approvals", ["version"])
    _allow(f"{_BEFORE}, 'choices', 'realised'")


def downgrade() -> None:
    op.execute("DELETE FROM model_reports WHERE kind IN ('choices', 'realised')")
    _allow(_BEFORE)
    op.drop_table("model_approvals")


def _allow(kinds: str) -> None:
    op.drop_constraint(op.f("ck_model_reports_kind"), "model_reports")
    op.create_check_constraint(op.f("ck_model_reports_kind"), "model_reports", f"kind IN ({kinds})")
