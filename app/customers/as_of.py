"""States at past times: from the events before a time, and of these from those that were known at another.

The aggregate of some sixty measures is built and compiled once; building it takes tens of milliseconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    FromClause,
    Select,
    SelectBase,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.as_known import FACTS, OWNER, Known, Reader, read_orders_then, read_persons
from app.customers.case_queries import STANDING, complaints_in_events
from app.customers.consent_queries import WORDS, consents_in_events
from app.customers.linking_queries import members
from app.customers.state import CustomerState
from app.database.engine import Statement, compile_statement, unnested
from app.database.states import aggregated, latest_vector, numeric_vector
from app.database.tables import events
from app.lifecycle.states import CUSTOMER

_UNREAD = ("customer_id", "digest", "data", "lines", "received_us", "told_lines")
_OCCURRED = events.c.occurred_us < bindparam("as_of_us", type_=BigInteger)


def _states_of(before: SelectBase) -> Statement:
    """Rows: customer_id as asked for, numbers, texts, complaint_standing, consent_words, of the events of each."""
    rows = before.cte("before")
    states, complaints = aggregated(CUSTOMER, rows).subquery("states"), complaints_in_events(rows)
    consents = consents_in_events(rows)
    told = (numeric_vector(states), latest_vector(states), complaints.c[STANDING], consents.c[WORDS])
    return compile_statement(
        select(states.c.customer_id, *told)
        .join_from(states, complaints, complaints.c.customer_id == states.c.customer_id, isouter=True)
        .outerjoin(consents, consents.c.customer_id == states.c.customer_id)
    )


def _before(those: FromClause) -> Select[Any]:
    """The events of `those` members in `[…, as_of_us)`, under the customer_id that was asked for."""
    facts = [item for item in events.c if item.name not in _UNREAD]
    joined = select(those.c.customer_id, *facts).join_from(those, events, events.c.customer_id == those.c.member_id)
    return joined.where(_OCCURRED)


def _read_states_as_of() -> Statement:
    """Parameters: `customer_ids`, `as_of_us`. Of all ids of each customer's person, as it is known now to be: the
    aggregate over all their events is the merge of their states."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    return _states_of(_before(members(asked).cte("those")))


def _read_states_as_known() -> Statement:
    """Parameters: arrays `customer_id` and `member_id`, a row each id of a person; `as_of_us`; `known_us`, up to which
    events were received; and arrays `source`, `id`, FACTS and OWNER, of events that were otherwise then."""
    those = _cte(unnested("those", customer_id=Text(), member_id=Text()))
    types = {name: events.c[name].type for name in FACTS}
    then = _cte(unnested("told_then", source=Text(), id=Text(), **types, **{OWNER: Text()}))
    is_it = and_(then.c.source == events.c.source, then.c.id == events.c.id)
    facts = [
        case((then.c.id.is_(None), item), else_=then.c[item.name]).label(item.name) if item.name in FACTS else item
        for item in events.c
        if item.name not in _UNREAD
    ]
    had = select(those.c.customer_id, *facts)
    still = had.select_from(
        those.join(events, events.c.customer_id == those.c.member_id).join(then, is_it, isouter=True)
    ).where(then.c[OWNER].is_(None))
    once = had.select_from(those.join(then, then.c[OWNER] == those.c.member_id).join(events, is_it))
    was_known = and_(_OCCURRED, events.c.received_us <= bindparam("known_us", type_=BigInteger))
    return _states_of(union_all(still.where(was_known), once.where(was_known)))


def _cte(rows: FromClause) -> FromClause:
    """Rows that are read twice."""
    return select(*rows.c).cte()


READ_STATES_AS_OF = _read_states_as_of()
READ_STATES_AS_KNOWN = _read_states_as_known()


async def read_states_as_of(
    connection: AsyncConnection, customer_ids: Sequence[str], as_of_us: int, known: Known | None = None
) -> dict[str, CustomerState]:
    """States from the events before `as_of_us`, no id asked for twice; with `known` as they would have been told then.

    Customers without such an event are left out.
    """
    if known is None:
        return await _read(connection, READ_STATES_AS_OF, {"customer_ids": list(customer_ids), "as_of_us": as_of_us})
    reader = await Reader.below(connection)
    persons = await read_persons(reader, customer_ids, known.us)
    pairs = [(customer_id, each) for customer_id, member_ids in persons.members.items() for each in member_ids]
    asked = {
        "customer_id": [customer_id for customer_id, _ in pairs],
        "member_id": [member_id for _, member_id in pairs],
        "as_of_us": as_of_us,
        "known_us": known.us,
        **await read_orders_then(reader, persons.nodes, known),
    }
    return await _read(connection, READ_STATES_AS_KNOWN, asked)


async def _read(
    connection: AsyncConnection, statement: Statement, asked: Mapping[str, Any]
) -> dict[str, CustomerState]:
    rows = await connection.exec_driver_sql(statement.text, tuple(statement.arguments(asked)))
    return {
        row.customer_id: CustomerState(
            row.customer_id,
            row.numbers,
            row.texts,
            complaint_standing=row.complaint_standing,
            consent_words=row.consent_words,
        )
        for row in rows
    }
