"""an order is one thing: what is said of it is found, and Segment's orders are known by their order id

Stop processes of the version before first: what they count meanwhile is kept as it was named until then.

Revises: 0007
"""

import hashlib

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
    named = sa.text(
        """
        UPDATE events SET id = 'order-' || events.reference,
                          data = (events.data::jsonb || jsonb_build_object('id_by_sender', events.id))::json
        FROM (SELECT DISTINCT ON (source, reference) source, id FROM events
              WHERE type = 'order.completed' AND (source = '/segment' OR source LIKE '/segment/%')
              ORDER BY source, reference, received_us, id) AS first
        WHERE events.source = first.source AND events.id = first.id
          AND NOT EXISTS (SELECT FROM events AS other
                          WHERE other.source = events.source AND other.id = 'order-' || events.reference)
        RETURNING events.customer_id, events.source, events.id, events.amount_minor
        """
    )
    connection = op.get_bind()
    rows = connection.execute(named).mappings().all()
    orders = [{**row, "digest": _digest(row["id"], row["amount_minor"])} for row in rows]
    if orders:
        is_it = "customer_id = :customer_id AND source = :source AND id = :id"
        connection.execute(sa.text(f"UPDATE events SET digest = :digest WHERE {is_it}"), orders)  # noqa: S608


def _digest(id_: str, amount_minor: int) -> bytes:
    """What tells that an order was told before: whoever tells it again under another id is a duplicate."""
    return hashlib.blake2b(f"{id_}\x1f{amount_minor}".encode(), digest_size=16).digest()


def downgrade() -> None:
    op.execute(
        """
        UPDATE events SET id = data ->> 'id_by_sender', data = (data::jsonb - 'id_by_sender')::json
        WHERE data ->> 'id_by_sender' IS NOT NULL
        """
    )
    op.drop_index("ix_events_source_reference", table_name="events")
