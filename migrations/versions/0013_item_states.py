"""states of items, and of looks at them; lines without what was given back

Revises: 0012
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.database.order_lines import ORDER_LINES

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _times(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger()) for name in names]


def _sums(*names: str, type_: type[sa.types.TypeEngine[Any]] = sa.BigInteger) -> list[sa.Column[Any]]:
    return [sa.Column(name, type_(), server_default=sa.text("0"), nullable=False) for name in names]


def _create(name: str, *columns: sa.Column[Any]) -> None:
    keys = [sa.Column(key, sa.Text(), nullable=False) for key in ("customer_id", "item_id")]
    primary = sa.PrimaryKeyConstraint("customer_id", "item_id", name=f"pk_{name}")
    op.create_table(name, *keys, *columns, primary, postgresql_with={"fillfactor": 70})


def upgrade() -> None:
    _create(
        "customer_items",
        *_sums("orders"),
        *_sums("quantity", type_=sa.Double),
        *_sums("spend_minor", "discounted_orders", "refunds"),
        *_sums("refunded_quantity", type_=sa.Double),
        *_times("first_event_us", "last_event_us", "first_order_us", "last_order_us", "second_last_order_us"),
        *_sums("orders_decayed_30d", "orders_decayed_120d", type_=sa.Double),
    )
    _create(
        "customer_interests",
        *_sums("views", "carts"),
        *_times("first_event_us", "last_event_us", "last_view_us", "last_cart_us"),
        *_sums("views_decayed_15d", type_=sa.Double),
    )
    op.create_table(
        "state_horizons",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("horizon_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "state", name="pk_state_horizons"),
    )
    op.add_column("events", sa.Column("told_lines", ORDER_LINES))


def downgrade() -> None:
    op.drop_column("events", "told_lines")
    for name in ("state_horizons", "customer_interests", "customer_items"):
        op.drop_table(name)
