"""Tables of actions, and of the decisions that chose them."""

from sqlalchemy import JSON, BigInteger, Column, Index, Table, Text
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
    Index("ix_decisions_decision_id", "decision_id", postgresql_using="hash"),
    Index("ix_decisions_decided_us", "decided_us"),
)
"""The receipts: what was weighed, and the answer as it was given. A decision is named by its id alone."""

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
