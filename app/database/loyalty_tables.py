"""Tables of loyalty: programmes, and the points of each customer id."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from app.database.metadata import metadata

loyalty_programmes = Table(
    "loyalty_programmes",
    metadata,
    Column("version", BigInteger, Identity(), primary_key=True),
    Column("effective_us", BigInteger, nullable=False),
    Column("programme", JSONB, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("marked_us", BigInteger),
)
"""Every version there was; an order is earned by the latest that was effective when it took place. `marked_us`: when
all who had ordered since were marked."""

loyalty_accounts = Table(
    "loyalty_accounts",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("promised", BigInteger, nullable=False),
    Column("active", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("owed", BigInteger, nullable=False),
    Column("due_us", BigInteger),
    CheckConstraint("promised >= 0 AND active >= 0 AND reserved >= 0 AND owed >= 0", name="balances"),
    Index("ix_loyalty_accounts_due_us", "due_us", postgresql_where=text("due_us IS NOT NULL")),
    postgresql_with={"fillfactor": 80},
)
"""Balances: sums of `loyalty_entries`. `due_us`: when points become active, or expire, next."""

loyalty_lots = Table(
    "loyalty_lots",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reference", Text),
    Column("version", BigInteger, nullable=False),
    Column("occurred_us", BigInteger, nullable=False),
    Column("active_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("stage", Text),
    Column("points", BigInteger, nullable=False),
    Column("promised", BigInteger, nullable=False),
    Column("active", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("expired", BigInteger, nullable=False),
    CheckConstraint("points >= 0 AND promised >= 0 AND active >= 0 AND reserved >= 0 AND expired >= 0", name="points"),
    Index("ix_loyalty_lots_expires_us", "expires_us", postgresql_where=text("active > 0")),
    postgresql_with={"fillfactor": 80},
)
"""What one order or bonus brought (`app.lifecycle.points_book.Lot`): sums of `loyalty_entries`. `version` and `stage`
are what it was earned by, and stay."""

loyalty_entries = Table(
    "loyalty_entries",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("entry_id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("posted_us", BigInteger, nullable=False),
    Column("from_account", Text, nullable=False),
    Column("to_account", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("reference", Text),
    CheckConstraint("points > 0 AND from_account <> to_account", name="balanced"),
    Index("ix_loyalty_entries_reference", "customer_id", "reference", postgresql_where=text("reference IS NOT NULL")),
)
"""The ledger: each row takes points of one account and gives them to another, so that all accounts together are zero.
Rows are added, and deleted with their customer; none is changed."""

loyalty_redemptions = Table(
    "loyalty_redemptions",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("redemption_id", Text, primary_key=True),
    Column("is_first", Boolean, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("order_id", Text),
    Column("reserved_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("settled_us", BigInteger),
    Index("uq_loyalty_redemptions_redemption_id", "redemption_id", unique=True, postgresql_where=text("is_first")),
    Index("ix_loyalty_redemptions_redemption_id", "redemption_id"),
)
"""What was reserved under an id of the caller's, a row for each customer id that points were taken of: `points` of this
one, `total` of all. Its lots are those of the entries with that `reference`."""

loyalty_pending = Table(
    "loyalty_pending",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("pending_id", BigInteger, Identity(), primary_key=True),
    Index("ix_loyalty_pending_pending_id", "pending_id"),
)
"""Customers of whom something was counted that may earn points, or take some back. No two rows conflict, so that no
till waits for another, nor for whoever posts."""
