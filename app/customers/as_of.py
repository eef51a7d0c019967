"""States at past times: from the events before a time, and of these from those that were known at another.

The aggregate of some sixty measures is built and compiled once; building it takes tens of milliseconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
from app.database.bases import base_of, recomputed
from app.database.engine import Statement, compile_statement, unnested
from app.database.states import latest_vector, numeric_vector
from app.database.tables import bases, events
from app.lifecycle.states import CASE, CONSENT, CUSTOMER, StateSpec

_UNREAD = ("customer_id", "digest", "data", "lines", "received_us", "told_lines")
_OCCURRED = events.c.occurred_us < bindparam("as_of_us", type_=BigInteger)


def _states_of(before: SelectBase, those: FromClause | None) -> Statement:
    """Rows: customer_id as asked for, numbers, texts, complaint_standing, consent_words, of the events of each, and of
    the bases of `those` members; None: they have none, and a good deal is spared."""
    rows = before.cte("before")
    states = recomputed(CUSTOMER, rows, _bases(CUSTOMER, those)).subquery("states")
    complaints = complaints_in_events(rows, _bases(CASE, those))
    consents = consents_in_events(rows, _bases(CONSENT, those))
    told = (numeric_vector(states), latest_vector(states), complaints.c[STANDING], consents.c[WORDS])
    return compile_statement(
        select(states.c.customer_id, *told)
        .join_from(states, complaints, complaints.c.customer_id == states.c.customer_id, isouter=True)
        .outerjoin(consents, consents.c.customer_id == states.c.customer_id)
    )


def _bases(spec: StateSpec, those: FromClause | None) -> FromClause | None:
    """Those of members, under the customer_id that was asked for."""
    if those is None:
        return None
    base = base_of(spec)
    others = [item for item in base.c if item.name != "customer_id"]
    joined = select(those.c.customer_id, *others).join_from(those, base, base.c.customer_id == those.c.member_id)
    return joined.subquery(f"base_{spec.name}")


def _before(those: FromClause) -> Select[Any]:
    """The events of `those` members in `[…, as_of_us)`, under the customer_id that was asked for."""
    facts = [item for item in events.c if item.name not in _UNREAD]
    joined = select(those.c.customer_id, *facts).join_from(those, events, events.c.customer_id == those.c.member_id)
    return joined.where(_OCCURRED)


def _read_states_as_of(*, with_bases: bool) -> Statement:
    """Parameters: `customer_ids`, `as_of_us`. Of all ids of each customer's person, as it is known now to be: the
    aggregate over all their events is the merge of their states."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    those = members(asked).cte("those")
    return _states_of(_before(those), those if with_bases else None)


def _read_states_as_known(*, with_bases: bool) -> Statement:
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
    return _states_of(union_all(still.where(was_known), once.where(was_known)), those if with_bases else None)


def _cte(rows: FromClause) -> FromClause:
    """Rows that are read twice."""
    return select(*rows.c).cte()


def _read_left() -> tuple[Statement, Statement]:
    """Parameter `customer_ids`: of their persons' events, or of their own, those that have left. Rows, of whoever has
    some: customer_id, `until_us`, when the latest of these happened, `received_us`, when the last was received."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    those = members(asked).subquery("those")
    last = [func.max(bases.c[name]).label(name) for name in ("until_us", "received_us")]
    joined = select(those.c.customer_id, *last).join_from(those, bases, bases.c.customer_id == those.c.member_id)
    own = select(bases.c.customer_id, bases.c.until_us, bases.c.received_us).where(
        bases.c.customer_id == func.any(wanted)
    )
    return compile_statement(joined.group_by(those.c.customer_id)), compile_statement(own)


_LEFT, _OWN_LEFT = _read_left()
READ_STATES_AS_OF, _READ_WITH_BASES = (_read_states_as_of(with_bases=each) for each in (False, True))
READ_STATES_AS_KNOWN, _READ_KNOWN_WITH_BASES = (_read_states_as_known(with_bases=each) for each in (False, True))


class PastStates(NamedTuple):
    """States at a past time. `known_from`: customer → from when on (µs) theirs are known, of whom it was not found:
    what happened before has left the log, and was summed up."""

    states: dict[str, CustomerState]
    known_from: dict[str, int]


async def read_past_states(
    connection: AsyncConnection, customer_ids: Sequence[str], as_of_us: int, known: Known | None = None
) -> PastStates:
    """States from the events before `as_of_us`, no id asked for twice; with `known` as they would have been told then.

    Customers without such an event are left out.
    """
    if known is None:
        left = {row.customer_id: row for row in await _fetch(connection, _LEFT, {"customer_ids": list(customer_ids)})}
        lost = {each: row.until_us + 1 for each, row in left.items() if row.until_us >= as_of_us}
        statement = _READ_WITH_BASES if left else READ_STATES_AS_OF
        asked = {"customer_ids": [each for each in customer_ids if each not in lost], "as_of_us": as_of_us}
        return PastStates(await _read(connection, statement, asked), lost)
    return await _read_as_known(connection, customer_ids, as_of_us, known)


async def _read_as_known(
    connection: AsyncConnection, customer_ids: Sequence[str], as_of_us: int, known: Known
) -> PastStates:
    reader = await Reader.below(connection)
    persons = await read_persons(reader, customer_ids, known.us)
    left = {row.customer_id: row for row in await _fetch(connection, _OWN_LEFT, {"customer_ids": persons.nodes})}
    lost: dict[str, int] = {}
    for customer_id, member_ids in persons.members.items():
        gone = [left[each] for each in member_ids if each in left]
        if any(row.until_us >= as_of_us or row.received_us > known.us for row in gone):
            lost[customer_id] = max(max(row.until_us, row.received_us) for row in gone) + 1
    members_then = persons.members.items()
    pairs = [(customer_id, each) for customer_id, ids in members_then if customer_id not in lost for each in ids]
    asked = {
        "customer_id": [customer_id for customer_id, _ in pairs],
        "member_id": [member_id for _, member_id in pairs],
        "as_of_us": as_of_us,
        "known_us": known.us,
        **await read_orders_then(reader, persons.nodes, known),
    }
    statement = _READ_KNOWN_WITH_BASES if left else READ_STATES_AS_KNOWN
    return PastStates(await _read(connection, statement, asked), lost)


async def _fetch(connection: AsyncConnection, statement: Statement, asked: Mapping[str, Any]) -> Sequence[Any]:
    return (await connection.exec_driver_sql(statement.text, tuple(statement.arguments(asked)))).all()


async def _read(
    connection: AsyncConnection, statement: Statement, asked: Mapping[str, Any]
) -> dict[str, CustomerState]:
    rows = await _fetch(connection, statement, asked)
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
