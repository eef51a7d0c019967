"""what is void is kept under a type that no sender can say; points are found by their order

Stop processes of the version before first: what they count meanwhile is kept as it was named until then.

Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BEFORE = "type IN ('order.cancelled', 'order.updated', 'order.refunded', 'refund.voided')"
_OF_ORDERS = (
    "type IN ('order.cancelled', 'order.updated', 'order.refunded', 'order.refunded (void)', 'points.earned',"
    " 'points.redeemed', 'points.expired', 'points.earned (void)', 'points.redeemed (void)', 'points.expired (void)')"
)
_NAMES = (("order.voided", "order.completed (void)"), ("refund.voided", "order.refunded (void)"))


def _index(predicate: str) -> None:
    op.drop_index("ix_events_source_reference", table_name="events")
    op.create_index(
        "ix_events_source_reference",
        "events",
        ["source", "reference"],
        unique=False,
        postgresql_where=sa.text(predicate),
    )


def _rename(before: str, after: str) -> None:
    """Those that we keep so: an event of a sender's own type of that name has no reference."""
    renamed = sa.text("UPDATE events SET type = :after WHERE type = :before AND reference IS NOT NULL")
    op.execute(renamed.bindparams(before=before, after=after))


def upgrade() -> None:
    for before, after in _NAMES:
        _rename(before, after)
    _index(_OF_ORDERS)


def downgrade() -> None:
    op.execute("UPDATE events SET type = split_part(type, ' ', 1) WHERE type LIKE 'points.% (void)'")
    op.execute("UPDATE events SET type = 'order.completed' WHERE type = 'order.completed (given back)'")
    for before, after in _NAMES:
        _rename(after, before)
    _index(_BEFORE)
