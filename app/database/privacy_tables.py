"""Tables of who was erased, and of what was too old to be kept. They name nobody: ids are keyed hashes here."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database.metadata import metadata

erased_ids = Table(
    "erased_ids",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("erased_us", BigInteger, nullable=False),
    Column("lifted_us", BigInteger),
    Column("erasure_id", Text, nullable=False),
)
"""Tombstones: what comes of such an id is not kept. `lifted_us`: what happened from then on is, since consent was given
anew at that time, after the erasure."""

erasures = Table(
    "erasures",
    metadata,
    Column("erasure_id", Text, primary_key=True),
    Column("asked_us", BigInteger, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("ids", Integer, nullable=False),
    Column("rows", JSONB, nullable=False),
    Column("erased_us", BigInteger),
    Column("settled_us", BigInteger),
    Column("customer_ids", ARRAY(Text)),
    Index("ix_erasures_asked_us", "asked_us"),
    Index("ix_erasures_unsettled", "asked_us", postgresql_where=text("settled_us IS NULL")),
)
"""Receipts of erasures: how many `ids` the person had, and how many rows were deleted of each table. `erased_us`: when
all was. `customer_ids` are there until it has been looked once more for what was on its way, at `settled_us`."""

retention_runs = Table(
    "retention_runs",
    metadata,
    Column("run_id", BigInteger, Identity(), primary_key=True),
    Column("began_us", BigInteger, nullable=False),
    Column("rows", JSONB, nullable=False),
    Column("finished_us", BigInteger),
    Column("after_id", Text),
)
"""When it was looked for what is too old, and how many rows left of each kind. While a run is under way, `after_id`:
the customer up to whom it was looked for events."""
