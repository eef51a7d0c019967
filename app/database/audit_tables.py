"""The table of the audit: who did what of whom. It names no customer: ids are keyed hashes here."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from app.database.metadata import metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("customers", ARRAY(LargeBinary), nullable=False),
    Column("request_ids", ARRAY(Text), nullable=False),
    Column("target", Text),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_log_at_us", "at_us"),
)
"""A chain, without gaps by `seq`. `hash` seals a row with all before it: it is keyed, over the row and `previous`, the
hash of the row before. `from_us` to `at_us`: when the calls came that are gathered in a row."""
