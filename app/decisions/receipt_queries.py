"""SQL of receipts, as analysts and auditors read them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Select, Text, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import member_ids
from app.database.tables import decisions

Place = tuple[int, str]
"""Of a decision in lists: when it was made, and its id."""


async def read_decision(connection: AsyncConnection, decision_id: str) -> Any:
    """The row of a decision; None: there is none of that id."""
    found = await connection.execute(select(decisions).where(decisions.c.decision_id == decision_id).limit(1))
    return found.one_or_none()


async def list_decisions(
    connection: AsyncConnection,
    *,
    customer_id: str | None = None,
    since_us: int = 0,
    until_us: int | None = None,
    before: Place | None = None,
    limit: int,
) -> Sequence[Any]:
    """Rows of decisions in `[since_us, until_us)`, newest first: of everybody, or of all ids of a customer's person."""
    c = decisions.c
    query: Select[Any] = select(decisions).where(c.decided_us >= since_us)
    if customer_id is not None:
        query = query.where(c.customer_id == func.any(member_ids(customer_id)))
    if until_us is not None:
        query = query.where(c.decided_us < until_us)
    if before is not None:
        query = query.where(
            tuple_(c.decided_us, c.decision_id) < tuple_(literal(before[0], BigInteger), literal(before[1], Text))
        )
    newest_first = query.order_by(c.decided_us.desc(), c.decision_id.desc()).limit(limit)
    rows: Sequence[Any] = (await connection.execute(newest_first)).all()
    return rows
