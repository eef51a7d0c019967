"""Tables of actions, and of the decisions that chose them."""

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from app.database.metadata import metadata

decisions = Table(
    "decisions",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("decision_id", Text, primary_key=True),
    Column("decided_us", BigInteger, nullable=False),
    Column("receipt", JSON, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("reserved_until_us", BigInteger),
    Column("activated_us", BigInteger),
    Index("ix_decisions_decision_id", "decision_id", postgresql_using="hash"),
    Index("ix_decisions_decided_us", "decided_us"),
    Index(
        "ix_decisions_reserved_until_us",
        "reserved_until_us",
        postgresql_where=text("reserved_until_us IS NOT NULL"),
    ),
)
"""The receipts: what was weighed, and the answer as it was given. A decision is named by its id alone.

Of what was only prepared: `reserved_until_us`, then `activated_us`, when it was shown; 0: it was not, in time, and what
it reserved was given back. Both NULL: it was shown at once."""

offers = Table(
    "offers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("action_id", Text, primary_key=True),
    Column("offered_us", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 70},
)
"""When each action was last offered to a customer: what cool-downs are counted from."""

actions = Table(
    "actions",
    metadata,
    Column("action_id", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

arms = Table(
    "arms",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("arm", Text, nullable=False),
    Column("decided_us", BigInteger, nullable=False),
    Column("control_share", Double, nullable=False),
    Column("usual_share", Double, nullable=False),
    Index("ix_arms_decided_us", "decided_us"),
)
"""Of every person that was decided of: the arm at the first decision, and the shares that were in force. Made of the
receipts, in the background."""

arm_reports = Table(
    "arm_reports",
    metadata,
    Column("at_us", BigInteger, primary_key=True),
    Column("report", JSONB, nullable=False),
)
"""How many persons each arm has, and how many were to be expected. Receipts until `at_us` have been read."""

action_versions = Table(
    "action_versions",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("action_id", Text, nullable=False),
    Column("definition", JSONB(none_as_null=True)),
    Column("changed_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Index("ix_action_versions_action_id", "action_id", "version"),
)
"""Every definition that there was of an action, numbered over all of them; null where it was removed."""

split_tests = Table(
    "split_tests",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("sample", JSONB, nullable=False),
    Column("starts_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
    Column("planned_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
"""Tests of two sides: what is compared, the sample that was told beforehand, and when they run. `planned_us` is the end
as it was before one was ended early."""
