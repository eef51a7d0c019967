"""Tables of contacts: what customers were told or are to be, what was given of each action, and the policy."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from app.database.metadata import metadata

contacts = Table(
    "contacts",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("decision_id", Text, primary_key=True),
    Column("action_id", Text, primary_key=True),
    Column("channel", Text),
    Column("decided_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("reserved_until_us", BigInteger),
    Column("counted_day", Integer),
    Column("cost_minor", BigInteger, nullable=False),
    Index("ix_contacts_reserved_until_us", "reserved_until_us", postgresql_where=text("reserved_until_us IS NOT NULL")),
    Index("ix_contacts_at_us", "at_us"),
    postgresql_with={"fillfactor": 80},
)
"""What a customer was told, or, until `reserved_until_us`, is to be told: `at_us`. `counted_day` (since 1970) and
`cost_minor` are what `action_counters` counts of it; NULL: nothing. Of the control group it is what they go without,
as if they had been told."""

contact_turns = Table("contact_turns", metadata, Column("customer_id", Text, primary_key=True))
"""A row is locked by whoever decides on contacts of a customer: one at a time."""

action_counters = Table(
    "action_counters",
    metadata,
    Column("action_id", Text, primary_key=True),
    Column("given", BigInteger, nullable=False, server_default=text("0")),
    Column("spent_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("day", Integer, nullable=False, server_default=text("0")),
    Column("given_on_day", BigInteger, nullable=False, server_default=text("0")),
    postgresql_with={"fillfactor": 20},
)
"""Of actions with a budget or a cap over all customers: how often they were given, delivered or reserved, in all and on
the latest `day`, and what that costs. A row is on a page with few others: every batch changes it."""

contact_policies = Table(
    "contact_policies",
    metadata,
    Column("version", BigInteger, Identity(), primary_key=True),
    Column("policy", JSONB, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
"""Every contact policy there was; the latest is in force."""
