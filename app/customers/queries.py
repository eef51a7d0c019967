"""Reading customers: states, histories, profiles; checking and repairing states."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    select,
    tuple_,
    union,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.states import aggregated, latest_vector, numeric_vector
from app.db import Statement, compile_statement
from app.lifecycle.events import CASE_OPENED, CASE_RESOLVED, ORDER_COMPLETED
from app.lifecycle.measures import MEASURES
from app.tables import customer_states, events, offers


def offered(customer_id: ColumnElement[str]) -> ColumnElement[Any]:
    """A JSON object of action → time (µs) of its last offer to the customer; NULL: none yet."""
    return (
        select(func.json_object_agg(offers.c.action_id, offers.c.offered_us).cast(Text))
        .where(offers.c.customer_id == customer_id)
        .scalar_subquery()
        .label("offered")
    )


def _read_states() -> Statement:
    """Parameter `customer_ids`. Rows: customer_id, numbers, texts, offered, of those that exist."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    return compile_statement(
        select(
            customer_states.c.customer_id,
            numeric_vector(customer_states),
            latest_vector(customer_states),
            offered(customer_states.c.customer_id),
        ).where(customer_states.c.customer_id == func.any(wanted))
    )


READ_STATES = _read_states()


async def read_offered(connection: AsyncConnection, customer_id: str) -> str | None:
    """`offered` of a customer there may be no state of."""
    found: str | None = (await connection.execute(select(offered(literal(customer_id))))).scalar_one()
    return found


async def read_states_as_of(
    connection: AsyncConnection, customer_ids: Sequence[str], as_of_us: int | None
) -> Sequence[Any]:
    """Rows: customer_id, numbers, texts; now (None), or from the events before a time."""
    states: FromClause = customer_states
    if as_of_us is not None:
        before = select(events).where(events.c.customer_id.in_(customer_ids), events.c.occurred_us < as_of_us)
        states = aggregated(before.subquery("before")).subquery("states")
    rows = await connection.execute(
        select(states.c.customer_id, numeric_vector(states), latest_vector(states)).where(
            states.c.customer_id.in_(customer_ids)
        )
    )
    return rows.all()


async def count_orders_by_channel(connection: AsyncConnection, customer_id: str) -> dict[str, int]:
    """Channel → orders; orders that name none are under `unknown`."""
    channel = func.coalesce(events.c.channel, "unknown")
    rows = await connection.execute(
        select(channel, func.count())
        .where(events.c.customer_id == customer_id, events.c.type == ORDER_COMPLETED)
        .group_by(channel)
        .order_by(func.count().desc(), channel)
    )
    return {row[0]: row[1] for row in rows}


async def count_open_complaints(connection: AsyncConnection, customer_id: str) -> int:
    """Complaints opened and not resolved, case by case."""
    resolved = (
        select(events.c.reference)
        .where(events.c.customer_id == customer_id, events.c.type == CASE_RESOLVED)
        .scalar_subquery()
    )
    return (
        await connection.execute(
            select(func.count(events.c.reference.distinct())).where(
                events.c.customer_id == customer_id,
                events.c.type == CASE_OPENED,
                events.c.kind == "complaint",
                events.c.reference.not_in(resolved),
            )
        )
    ).scalar_one()


async def read_events(
    connection: AsyncConnection, customer_id: str, before: tuple[int, str, str] | None, limit: int
) -> Sequence[Any]:
    """Events of a customer, latest first, before a position (occurred_us, source, id)."""
    place = tuple_(events.c.occurred_us, events.c.source, events.c.id)
    query = select(events).where(events.c.customer_id == customer_id)
    if before is not None:
        query = query.where(place < tuple_(*before))
    latest_first = query.order_by(events.c.occurred_us.desc(), events.c.source.desc(), events.c.id.desc())
    return (await connection.execute(latest_first.limit(limit))).all()


def _within(customer_id: ColumnElement[str], after: str, through: str | None) -> ColumnElement[bool]:
    """`after` < customer_id ≤ `through`; None: to the end. In the order of bytes."""
    plain = customer_id.collate("C")
    return plain > after if through is None else and_(plain > after, plain <= through)


def _in_range(table: Table, after: str, through: str | None) -> FromClause:
    return select(table).where(_within(table.c.customer_id, after, through)).subquery()


async def end_of_range(connection: AsyncConnection, after: str, most: int) -> str | None:
    """The customer `most` places after one, by events or state; None: fewer are left."""

    def first_of(table: Table) -> Select[Any]:
        customer_id = table.c.customer_id.collate("C")
        known = select(customer_id.label("customer_id")).where(customer_id > after).distinct()
        return known.order_by(customer_id).limit(most).subquery().select()

    either = union(first_of(customer_states), first_of(events)).subquery()
    in_order = select(either.c.customer_id).order_by(either.c.customer_id)
    return (await connection.execute(in_order.offset(most - 1).limit(1))).scalar_one_or_none()


async def read_both(
    connection: AsyncConnection, after: str, through: str | None
) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Customer → measures in the order of MEASURES: as they are kept, and from the events.

    One statement, so that both are seen at the same moment.
    """
    recomputed = aggregated(_in_range(events, after, through)).subquery("recomputed")
    kept = _in_range(customer_states, after, through)
    names = [measure.name for measure in MEASURES]
    both = select(
        kept.c.customer_id,
        recomputed.c.customer_id,
        *(kept.c[name] for name in names),
        *(recomputed.c[name] for name in names),
    ).join_from(kept, recomputed, kept.c.customer_id == recomputed.c.customer_id, full=True)
    ours: dict[str, list[Any]] = {}
    theirs: dict[str, list[Any]] = {}
    for row in await connection.execute(both):
        if row[0] is not None:
            ours[row[0]] = list(row[2 : 2 + len(names)])
        if row[1] is not None:
            theirs[row[1]] = list(row[2 + len(names) :])
    return ours, theirs


async def rebuild_range(connection: AsyncConnection, after: str, through: str | None) -> int:
    """Replaces the states of a range by what the events say; the number of customers with events."""
    rows = select(customer_states.c.customer_id).where(_within(customer_states.c.customer_id, after, through))
    await connection.execute(rows.order_by(customer_states.c.customer_id).with_for_update())
    recomputed = aggregated(_in_range(events, after, through))
    without_events = delete(customer_states).where(
        _within(customer_states.c.customer_id, after, through),
        ~select(events.c.id).where(events.c.customer_id == customer_states.c.customer_id).exists(),
    )
    await connection.execute(without_events)
    upsert = pg_insert(customer_states).from_select([item.name for item in customer_states.c], recomputed)
    values = {measure.name: upsert.excluded[measure.name] for measure in MEASURES}
    written = await connection.execute(upsert.on_conflict_do_update(index_elements=["customer_id"], set_=values))
    return written.rowcount


async def find_frequent_customer(connection: AsyncConnection) -> str | None:
    """A customer worth looking at: the one with most orders. None: there is no customer."""
    query = select(customer_states.c.customer_id).order_by(
        customer_states.c.orders.desc(), customer_states.c.customer_id
    )
    return (await connection.execute(query.limit(1))).scalar_one_or_none()
