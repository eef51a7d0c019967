"""Tables of KPIs: what is told of costs."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Table, Text

from app.database.metadata import metadata

acquisition_costs = Table(
    "acquisition_costs",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("first_day", Date, primary_key=True),
    Column("until_day", Date, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    CheckConstraint("first_day < until_day", name="days"),
)
"""What was spent on days `[first_day, until_day)` to acquire customers; an empty `channel`: on none by itself. Those of
a channel do not overlap."""
