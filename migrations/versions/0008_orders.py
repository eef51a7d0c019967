"""an order is one thing: what is said of it is found, and Segment's orders are known by their order id

Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OF_ORDERS = "type IN ('order.cancelled', 'order.updated', 'order.refunded', 'refund.voided')"


def upgrade() -> None:
    op.create_index(
        "ix_events_source_reference",
        "events",
        ["source", "reference"],
        unique=False,
        postgresql_where=sa.text(_OF_ORDERS),
    )
    op.execute(
        """
        UPDATE events SET id = 'order-' || events.reference,
                          data = (events.data::jsonb || jsonb_build_object('id_by_sender', events.id))::json
        FROM (SELECT DISTINCT ON (source, reference) source, id FROM events
              WHERE type = 'order.completed' AND (source = '/segment' OR source LIKE '/segment/%')
              ORDER BY source, reference, received_us, id) AS first
        WHERE events.source = first.source AND events.id = first.id
          AND NOT EXISTS (SELECT FROM events AS other
                          WHERE other.source = events.source AND other.id = 'order-' || events.reference)
        """
    )


def downgrade() -> None:
    op.execute(
        """
        UPDATE events SET id = data ->> 'id_by_sender', data = (data::jsonb - 'id_by_sender')::json
        WHERE data ->> 'id_by_sender' IS NOT NULL
        """
    )
    op.drop_index("ix_events_source_reference", table_name="events")
