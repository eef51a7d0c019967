"""SQL of receipts, as analysts and auditors read them."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, Text, func, literal, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import member_ids
from app.database.tables import decisions

_PLACED: Final = (
    decisions.c.decision_id,
    decisions.c.customer_id,
    decisions.c.decided_us,
    func.json_extract_path_text(decisions.c.receipt, "request", "channel").label("channel"),
)
Place = tuple[int, str]
"""Of a decision in lists: when it was made, and its id."""


async def read_decision(connection: AsyncConnection, decision_id: str) -> Any:
    """The row of a decision; None: there is none of that id."""
    found = await connection.execute(select(decisions).where(decisions.c.decision_id == decision_id).limit(1))
    return found.one_or_none()


async def find_choice(connection: AsyncConnection, decision_id: str, action_id: str) -> Any:
    """decision_id, customer_id, decided_us, channel of a decision, and `is_chosen`: whether it chose the action; None:
    there is none of that id."""
    query = select(*_PLACED, _chose(action_id).label("is_chosen")).where(decisions.c.decision_id == decision_id)
    return (await connection.execute(query.limit(1))).one_or_none()


async def find_latest_choice(
    connection: AsyncConnection, customer_id: str, action_id: str, since_us: int, until_us: int
) -> Any:
    """As `find_choice`, of the latest decision in `[since_us, until_us)` that chose the action for any id of a
    customer's person."""
    c = decisions.c
    query = select(*_PLACED, true().label("is_chosen")).where(
        c.customer_id == func.any(member_ids(customer_id)),
        c.decided_us >= since_us,
        c.decided_us < until_us,
        _chose(action_id),
    )
    newest = query.order_by(c.decided_us.desc(), c.decision_id.desc()).limit(1)
    return (await connection.execute(newest)).one_or_none()


def _chose(action_id: str) -> ColumnElement[bool]:
    return func.json_extract_path_text(decisions.c.receipt, "selection_probabilities", action_id).is_not(None)


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
