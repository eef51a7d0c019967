"""SQL of feedback: what a person answered."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Double, Text, cast, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import member_ids
from app.database.tables import events
from app.lifecycle.events import FEEDBACK_SUBMITTED


async def read_answers(
    connection: AsyncConnection, customer_id: str, before: Sequence[Any] | None, limit: int
) -> Sequence[Any]:
    """Answers of all ids of a person, latest first, before a position (occurred_us, source, id).

    `counts` of a row: none of the same metric, survey and occasion came after it; or it names no occasion.
    """
    told = {
        name: events.c.data.op("->>", return_type=Text())(name) for name in ("metric", "survey", "occasion", "text")
    }
    place = (events.c.occurred_us, events.c.source, events.c.id)
    latest_first = [column.desc() for column in place]
    of_occasion = [told[name] for name in ("metric", "survey", "occasion")]
    answers = (
        select(
            *place,
            events.c.customer_id,
            *(column.label(name) for name, column in told.items()),
            cast(events.c.data.op("->>", return_type=Text())("score"), Double).label("score"),
            or_(
                told["occasion"].is_(None), func.row_number().over(partition_by=of_occasion, order_by=latest_first) == 1
            ).label("counts"),
        )
        .where(events.c.customer_id == func.any(member_ids(customer_id)), events.c.type == FEEDBACK_SUBMITTED)
        .subquery("answers")
    )
    query = select(answers)
    position = (answers.c.occurred_us, answers.c.source, answers.c.id)
    if before is not None:
        query = query.where(tuple_(*position) < tuple_(*before))
    return (await connection.execute(query.order_by(*(column.desc() for column in position)).limit(limit))).all()
