"""the latest word of each customer on each purpose and channel, filled from the events

A process of the version before counts consent as ever, and leaves this table alone: what it counted after this was
filled is taken in by `perennial rebuild`.

Revises: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

WORDS = """
INSERT INTO customer_consents (customer_id, purpose, channel, word)
SELECT customer_id, kind, channel,
       max(concat(lpad(occurred_us::text, 17, '0'), chr(31), source, chr(31), id, chr(31), value) COLLATE "C")
FROM events
WHERE type = 'consent.changed' AND kind IS NOT NULL AND channel IS NOT NULL
  AND customer_id NOT LIKE '~basket:%'
GROUP BY customer_id, kind, channel
"""


def upgrade() -> None:
    op.create_table(
        "customer_consents",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", "purpose", "channel", name=op.f("pk_customer_consents")),
        postgresql_with={"fillfactor": 70},
    )
    op.execute(WORDS)


def downgrade() -> None:
    op.drop_table("customer_consents")
