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
    column,
    delete,
    false,
    func,
    literal,
    select,
    tuple_,
    union,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import in_person, member_ids
from app.database.engine import Statement, compile_statement
from app.database.states import aggregated, latest_vector, numeric_vector
from app.database.tables import customer_states, events, offers
from app.lifecycle.events import CASE_OPENED, CASE_RESOLVED, ORDER_COMPLETED
from app.lifecycle.measures import MEASURES


def offered(customer_id: ColumnElement[str]) -> ColumnElement[Any]:
    """A JSON object of action → time (µs) of its last offer to the customer; NULL: none yet."""
    return (
        select(func.json_object_agg(offers.c.action_id, offers.c.offered_us).cast(Text))
        .where(offers.c.customer_id == customer_id)
        .scalar_subquery()
        .label("offered")
    )


def _read_states() -> Statement:
    """Parameter `customer_ids`. Rows: customer_id, numbers, texts, offered, in_person, of those that exist.

    It is the customer's own row; `in_person` tells whether more is known under other ids.
    """
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    return compile_statement(
        select(
            customer_states.c.customer_id,
            numeric_vector(customer_states),
            latest_vector(customer_states),
            offered(customer_states.c.customer_id),
            in_person(customer_states.c.customer_id),
        ).where(customer_states.c.customer_id == func.any(wanted))
    )


READ_STATES = _read_states()


async def read_offered(connection: AsyncConnection, customer_id: str) -> str | None:
    """`offered`, to all ids of the person, of a customer there may be no state of."""
    lasts = (
        select(offers.c.action_id, func.max(offers.c.offered_us).label("offered_us"))
        .where(offers.c.customer_id == func.any(member_ids(customer_id)))
        .group_by(offers.c.action_id)
        .subquery("lasts")
    )
    as_json = func.json_object_agg(lasts.c.action_id, lasts.c.offered_us).cast(Text)
    found: str | None = (await connection.execute(select(as_json))).scalar_one()
    return found


async def count_orders_by_channel(connection: AsyncConnection, customer_id: str) -> dict[str, int]:
    """Channel → orders of all ids of the person; orders that name none are under `unknown`."""
    channel = func.coalesce(events.c.channel, "unknown")
    rows = await connection.execute(
        select(channel, func.count())
        .where(events.c.customer_id == func.any(member_ids(customer_id)), events.c.type == ORDER_COMPLETED)
        .group_by(channel)
        .order_by(func.count().desc(), channel)
    )
    return {row[0]: row[1] for row in rows}


async def count_open_complaints(connection: AsyncConnection, customer_id: str) -> int:
    """Complaints opened and not resolved, case by case, of all ids of the person."""
    is_theirs = events.c.customer_id == func.any(member_ids(customer_id))
    resolved = select(events.c.reference).where(is_theirs, events.c.type == CASE_RESOLVED).scalar_subquery()
    return (
        await connection.execute(
            select(func.count(events.c.reference.distinct())).where(
                is_theirs,
                events.c.type == CASE_OPENED,
                events.c.kind == "complaint",
                events.c.reference.not_in(resolved),
            )
        )
    ).scalar_one()


async def read_events(
    connection: AsyncConnection, customer_id: str, before: Sequence[Any] | None, limit: int
) -> Sequence[Any]:
    """Events of all ids of a person, latest first, before a position (occurred_us, source, id).

    `customer_id` of a row is the id that the event came under.
    """
    place = tuple_(events.c.occurred_us, events.c.source, events.c.id)
    query = select(events).where(events.c.customer_id == func.any(member_ids(customer_id)))
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
    """Replaces the states of a range by what the events say; the number of customers with events.

    Of the customers that are found first, the rows are locked, and made where there are none, so that there
    is something to lock; the events are read afterwards, of these customers alone. So whoever counts an event
    meanwhile waits, and merges it into the new row. A customer whose first event comes later is not touched.
    """
    known = union(*(_ids_in_range(table, after, through) for table in (customer_states, events))).subquery("known")
    found = list((await connection.execute(select(known.c.customer_id))).scalars())
    await connection.execute(_claim_rows(found))
    recomputed = aggregated(select(events).where(events.c.customer_id == _any_of(found)).subquery("theirs"))
    upsert = pg_insert(customer_states).from_select([item.name for item in customer_states.c], recomputed)
    values = {measure.name: upsert.excluded[measure.name] for measure in MEASURES}
    written = await connection.execute(upsert.on_conflict_do_update(index_elements=["customer_id"], set_=values))
    without_events = delete(customer_states).where(
        customer_states.c.customer_id == _any_of(found),
        ~select(events.c.id).where(events.c.customer_id == customer_states.c.customer_id).exists(),
    )
    await connection.execute(without_events)
    return written.rowcount


def _ids_in_range(table: Table, after: str, through: str | None) -> Select[Any]:
    return select(table.c.customer_id).where(_within(table.c.customer_id, after, through))


def _any_of(customer_ids: Sequence[str]) -> ColumnElement[Any]:
    return func.any(literal(list(customer_ids), ARRAY(Text)))


def _claim_rows(customer_ids: Sequence[str]) -> Insert:
    """Locks the rows of customers, empty ones made where there were none, in the order the ledger locks them."""
    wanted = func.unnest(literal(list(customer_ids), ARRAY(Text)))
    claimed = wanted.table_valued(column("customer_id", Text), name="claimed").render_derived()
    in_order = select(claimed.c.customer_id).order_by(claimed.c.customer_id)
    insert = pg_insert(customer_states).from_select(["customer_id"], in_order)
    unchanged = {"customer_id": insert.excluded.customer_id}
    return insert.on_conflict_do_update(index_elements=["customer_id"], set_=unchanged, where=false())


async def find_frequent_customer(connection: AsyncConnection) -> str | None:
    """A customer worth looking at: the one with most orders. None: there is no customer."""
    query = select(customer_states.c.customer_id).order_by(
        customer_states.c.orders.desc(), customer_states.c.customer_id
    )
    return (await connection.execute(query.limit(1))).scalar_one_or_none()
