"""Reading customers: states, histories, profiles; checking and repairing states."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.case_queries import complaint_standing
from app.customers.consent_queries import consent_words
from app.customers.linking_queries import in_person, member_ids, members
from app.customers.state import CustomerState
from app.database.engine import Statement, compile_statement
from app.database.states import latest_vector, numeric_vector
from app.database.tables import base_channels, customer_states, events, offers
from app.lifecycle.events import ORDER_COMPLETED


def offered(customer_id: ColumnElement[str]) -> ColumnElement[Any]:
    """A JSON object of action → time (µs) of its last offer to the customer; NULL: none yet."""
    return (
        select(func.json_object_agg(offers.c.action_id, offers.c.offered_us).cast(Text))
        .where(offers.c.customer_id == customer_id)
        .scalar_subquery()
        .label("offered")
    )


def _read_states() -> Statement:
    """Parameter `customer_ids`. Rows, of those that exist: those of `OWN`, and in_person.

    It is the customer's own row; `in_person` tells whether more is known under other ids.
    """
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    return compile_statement(
        select(
            customer_states.c.customer_id,
            numeric_vector(customer_states),
            latest_vector(customer_states),
            offered(customer_states.c.customer_id),
            complaint_standing(customer_states.c.customer_id, customer_states.c.complaints),
            consent_words(customer_states.c.customer_id),
            in_person(customer_states.c.customer_id),
        ).where(customer_states.c.customer_id == func.any(wanted))
    )


READ_STATES = _read_states()
OWN: Final = tuple(name for name in CustomerState._fields if name not in ("person_id", "is_erased"))
"""What a customer's own row has of the fields of `CustomerState`."""


async def read_offered(connection: AsyncConnection, customer_ids: Sequence[str]) -> dict[str, str]:
    """`offered`, to all ids of the person, by customer, of whom there may be no state; who was offered nothing is not
    in it."""
    asked = func.unnest(literal(list(customer_ids), ARRAY(Text))).table_valued(
        column("customer_id", Text), name="asked"
    )
    those = members(asked.render_derived()).cte("those")
    lasts = (
        select(those.c.customer_id, offers.c.action_id, func.max(offers.c.offered_us).label("offered_us"))
        .join_from(those, offers, offers.c.customer_id == those.c.member_id)
        .group_by(those.c.customer_id, offers.c.action_id)
        .subquery("lasts")
    )
    as_json = func.json_object_agg(lasts.c.action_id, lasts.c.offered_us).cast(Text).label("offered")
    rows = await connection.execute(select(lasts.c.customer_id, as_json).group_by(lasts.c.customer_id))
    return {row.customer_id: row.offered for row in rows}


def _count_orders_by_channel() -> Statement:
    """Parameter `customer_ids`. Rows: customer_id as asked for, channel, orders of all ids of the person; most first.

    Orders that name no channel are under `unknown`.
    """
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    those = members(asked).cte("those")
    channel = func.coalesce(events.c.channel, literal_column("'unknown'"))
    is_order = events.c.type == literal_column(f"'{ORDER_COMPLETED}'")
    kept = (
        select(those.c.customer_id, channel.label("channel"), literal_column("1", BigInteger).label("orders"))
        .join_from(those, events, events.c.customer_id == those.c.member_id)
        .where(is_order)
    )
    left = select(those.c.customer_id, base_channels.c.channel, base_channels.c.orders).join_from(
        those, base_channels, base_channels.c.customer_id == those.c.member_id
    )
    told = union_all(kept, left).subquery("told").c
    orders = cast(func.sum(told.orders), BigInteger)
    return compile_statement(
        select(told.customer_id, told.channel, orders.label("orders"))
        .group_by(told.customer_id, told.channel)
        .order_by(orders.desc(), told.channel)
    )


COUNT_ORDERS_BY_CHANNEL = _count_orders_by_channel()


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


async def find_frequent_customer(connection: AsyncConnection) -> str | None:
    """A customer worth looking at: the one with most orders. None: there is no customer."""
    query = select(customer_states.c.customer_id).order_by(
        customer_states.c.orders.desc(), customer_states.c.customer_id
    )
    return (await connection.execute(query.limit(1))).scalar_one_or_none()
