"""Pages of the audit."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit import queries
from app.audit.acts import Act
from app.audit.chain import Chain, Row
from app.customers.linking_queries import member_ids


class Wanted(NamedTuple):
    """Which rows; None: all. Of a customer: those of any id of the person, as far as they are known."""

    customer_id: str | None = None
    made_by: str | None = None
    act: Act | None = None
    since_us: int | None = None
    until_us: int | None = None


async def read_rows(
    connection: AsyncConnection, chain: Chain, wanted: Wanted, before_seq: int | None, limit: int
) -> Sequence[Row]:
    """The latest first, before a place."""
    customers = None
    if wanted.customer_id is not None:
        ids: list[str] = (await connection.execute(select(member_ids(wanted.customer_id)))).scalar_one()
        customers = [chain.hash_customer(each) for each in {*ids, wanted.customer_id}]
    asked = queries.select_rows(
        customers=customers,
        made_by=wanted.made_by,
        act=wanted.act,
        since_us=wanted.since_us,
        until_us=wanted.until_us,
    )
    return await queries.read_page(connection, asked, before_seq, limit)
