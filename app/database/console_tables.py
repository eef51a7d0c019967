"""Tables of who is signed in to the console. Of what lets in, hashes alone are kept."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from app.database.metadata import metadata

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("began_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)
"""A session may what its key may, for as long as the key is valid."""

console_codes = Table(
    "console_codes",
    metadata,
    Column("code_sha256", LargeBinary, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)
"""What signs in once, with a key."""
