"""SQL of redemptions: what was reserved of whom, and what became of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.loyalty_tables import loyalty_entries, loyalty_lots, loyalty_redemptions
from app.lifecycle.points_book import LotKey

c = loyalty_redemptions.c


async def read_redemption(connection: AsyncConnection, redemption_id: str) -> Sequence[Any]:
    """A row for each customer id that points were taken of, the one that was asked for first; none: there is none."""
    query = select(loyalty_redemptions).where(c.redemption_id == redemption_id)
    return (await connection.execute(query.order_by(c.is_first.desc(), c.customer_id))).all()


async def read_open(connection: AsyncConnection, customer_ids: Iterable[str]) -> Sequence[Any]:
    """What is reserved of these ids, and neither confirmed nor released: customer_id, redemption_id, expires_us."""
    query = select(c.customer_id, c.redemption_id, c.expires_us)
    is_open = c.customer_id.in_(customer_ids) & (c.state == "reserved")
    return (await connection.execute(query.where(is_open).order_by(c.expires_us, c.redemption_id))).all()


async def add_redemption(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises IntegrityError where another customer has one of that id."""
    await connection.execute(insert(loyalty_redemptions), list(rows))


async def change_state(
    connection: AsyncConnection, redemption_id: str, customer_ids: Collection[str], **values: Any
) -> None:
    """What became of it."""
    is_it = (c.redemption_id == redemption_id) & c.customer_id.in_(customer_ids)
    await connection.execute(update(loyalty_redemptions).where(is_it).values(values))


async def read_parts(
    connection: AsyncConnection, customer_id: str, redemption_id: str, account: str
) -> list[tuple[LotKey, int]]:
    """Lots of an id, and how many of their points a redemption has on an account now."""
    entries = loyalty_entries.c
    into = case((entries.to_account == account, entries.points), else_=-entries.points)
    touches = (entries.to_account == account) | (entries.from_account == account)
    is_it = (entries.customer_id == customer_id) & (entries.reference == redemption_id) & touches
    points = func.sum(into).cast(BigInteger)
    query = select(entries.source, entries.id, points).where(is_it).group_by(entries.source, entries.id)
    rows = await connection.execute(query.order_by(entries.source, entries.id))
    return [((source, id_), points) for source, id_, points in rows if points]


async def list_expiring(
    connection: AsyncConnection, now_us: int, until_us: int, after: Sequence[Any] | None, limit: int
) -> Sequence[Any]:
    """Lots of everybody with something active that expires after now and before a time, the first first."""
    lots = loyalty_lots.c
    place = (lots.expires_us, lots.customer_id, lots.source, lots.id)
    query = select(loyalty_lots).where(lots.active > 0, lots.expires_us > now_us, lots.expires_us < until_us)
    if after is not None:
        query = query.where(func.row(*place) > func.row(*after))
    return (await connection.execute(query.order_by(*place).limit(limit))).all()
