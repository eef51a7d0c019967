"""SQL of who is to be looked at by whoever posts."""

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.loyalty_tables import loyalty_accounts, loyalty_pending


class Piece(NamedTuple):
    """Customers to be posted for, and the marks of theirs that are done with then."""

    customer_ids: set[str]
    pending_ids: list[int]


async def find_piece(connection: AsyncConnection, now_us: int, most: int) -> Piece:
    """Those that were marked first, and those of whom something is due."""
    c = loyalty_pending.c
    marked = (await connection.execute(select(c.customer_id, c.pending_id).order_by(c.pending_id).limit(most))).all()
    accounts = loyalty_accounts.c
    due = select(accounts.customer_id).where(accounts.due_us <= now_us).order_by(accounts.due_us).limit(most)
    customer_ids = {row.customer_id for row in marked} | {*(await connection.execute(due)).scalars()}
    return Piece(customer_ids, [row.pending_id for row in marked])


async def unmark(connection: AsyncConnection, pending_ids: Collection[int]) -> None:
    """Removes marks. What was marked since stays."""
    if pending_ids:
        await connection.execute(delete(loyalty_pending).where(loyalty_pending.c.pending_id.in_(pending_ids)))


async def find_marked(connection: AsyncConnection, customer_ids: Collection[str]) -> set[str]:
    """Those of these who are marked."""
    c = loyalty_pending.c
    return set((await connection.execute(select(c.customer_id).where(c.customer_id.in_(customer_ids)))).scalars())


async def mark_since(connection: AsyncConnection, before_us: int, now_us: int) -> int:
    """Marks all who have ordered since a programme began that was put before a time, and of which nobody was marked
    yet; how many. So those are found too whom a process counted before it knew of the programme."""
    given = {"before_us": before_us, "now_us": now_us}
    return (await connection.execute(_MARK_SINCE, given)).rowcount


_MARK_SINCE: Final = text("""
WITH begun AS (
  UPDATE loyalty_programmes SET marked_us = :now_us WHERE marked_us IS NULL AND changed_us < :before_us
  RETURNING effective_us
)
INSERT INTO loyalty_pending (customer_id)
SELECT DISTINCT customer_id FROM events
WHERE type = 'order.completed' AND NOT starts_with(customer_id, '~basket:')
  AND occurred_us >= (SELECT min(effective_us) FROM begun)
""").bindparams(bindparam("before_us", type_=BigInteger), bindparam("now_us", type_=BigInteger))
