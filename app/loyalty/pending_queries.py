"""SQL of who is to be looked at by whoever posts."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.loyalty_tables import loyalty_accounts, loyalty_pending, loyalty_programmes

RANGE: Final = 2_000
"""Customers that are looked through in one transaction."""


class Unmarked(NamedTuple):
    """Programmes that nobody was marked for yet; since when whoever bought is to be. None: nobody, since everybody who
    counts knew of an earlier one."""

    versions: Sequence[int]
    since_us: int | None


async def find_piece(
    connection: AsyncConnection, now_us: int, most: int, without: Collection[str]
) -> dict[str, list[int]]:
    """Those that were marked first, and those of whom something is due, each with its marks."""
    c, accounts = loyalty_pending.c, loyalty_accounts.c
    marked = select(c.customer_id, c.pending_id).order_by(c.pending_id).limit(most)
    due = select(accounts.customer_id).where(accounts.due_us <= now_us).order_by(accounts.due_us).limit(most)
    if without:
        marked, due = marked.where(c.customer_id.not_in(without)), due.where(accounts.customer_id.not_in(without))
    piece: dict[str, list[int]] = {}
    for row in await connection.execute(marked):
        piece.setdefault(row.customer_id, []).append(row.pending_id)
    for customer_id in (await connection.execute(due)).scalars():
        piece.setdefault(customer_id, [])
    return piece


async def unmark(connection: AsyncConnection, pending_ids: Collection[int]) -> None:
    """Removes marks. What was marked since stays."""
    if pending_ids:
        await connection.execute(delete(loyalty_pending).where(loyalty_pending.c.pending_id.in_(pending_ids)))


async def find_marked(connection: AsyncConnection, customer_ids: Collection[str]) -> set[str]:
    """Those of these who are marked."""
    c = loyalty_pending.c
    return set((await connection.execute(select(c.customer_id).where(c.customer_id.in_(customer_ids)))).scalars())


async def find_unmarked(connection: AsyncConnection, before_us: int) -> Unmarked:
    """Those that were put before a time."""
    c = loyalty_programmes.c
    rows = (await connection.execute(select(c.version, c.effective_us, c.changed_us, c.marked_us))).all()
    found = [row for row in rows if row.marked_us is None and row.changed_us < before_us]
    is_first = all(row.marked_us is None for row in rows)
    since_us = min((row.effective_us for row in found), default=None) if is_first else None
    return Unmarked([row.version for row in found], since_us)


async def mark_range(connection: AsyncConnection, after: str, since_us: int) -> str | None:
    """Marks those of the next RANGE customers after one who have something since a time that earns points. The last of
    the range; None: there are no more."""
    given = {"after": after, "since_us": since_us, "most": RANGE}
    row = (await connection.execute(_MARK_RANGE, given)).one()
    last: str | None = row.last if row.customers == RANGE else None
    return last


async def note_marked(connection: AsyncConnection, versions: Collection[int], now_us: int) -> None:
    """For these all are marked."""
    c = loyalty_programmes.c
    await connection.execute(update(loyalty_programmes).where(c.version.in_(versions)).values(marked_us=now_us))


_MARK_RANGE: Final = text("""
WITH range AS (
  SELECT customer_id, bool_or(type IN ('order.completed', 'action.redeemed') AND occurred_us >= :since_us) AS earns
  FROM events WHERE customer_id > :after
  GROUP BY customer_id ORDER BY customer_id LIMIT :most
), marked AS (
  INSERT INTO loyalty_pending (customer_id)
  SELECT customer_id FROM range WHERE earns AND NOT starts_with(customer_id, '~basket:')
)
SELECT max(customer_id) AS last, count(*) AS customers FROM range
""").bindparams(
    bindparam("after", type_=Text), bindparam("since_us", type_=BigInteger), bindparam("most", type_=BigInteger)
)
