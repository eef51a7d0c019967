"""SQL of contacts: whose turn it is, what a customer was told, and what was given of each action.

Rows are locked in this order by whoever locks several: contacts, turns, counters, offers.
"""

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    column,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.linking_queries import members
from app.database.contact_tables import action_counters, contact_turns, contacts
from app.database.engine import Statement, compile_statement, unnested

_ZERO: Final[ColumnElement[int]] = literal_column("0", BigInteger)


def _asked() -> Any:
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    return func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()


def _take_turns() -> Statement:
    """Waits until nobody else decides on contacts of these customers' persons, and keeps others out until the
    transaction ends. Parameter `customer_ids`.

    Every id of a person is locked: a decision on one id keeps out those on the others.
    """
    member_id = members(_asked()).subquery("theirs").c.member_id
    in_order = select(member_id).distinct().order_by(member_id)
    insert = pg_insert(contact_turns).from_select(["customer_id"], in_order)
    locked = {"customer_id": insert.excluded.customer_id}
    return compile_statement(insert.on_conflict_do_update(index_elements=["customer_id"], set_=locked, where=false()))


def _read_contacts() -> Statement:
    """Parameters `customer_ids`, `since_us`, `now_us`. Rows: customer_id as asked for, action_id, channel, at_us, of
    all ids of the person, the latest first; without reservations that are over. What is reserved may be delivered at
    any moment, so it is of now at the earliest, however long ago it was decided."""
    those = members(_asked()).cte("those")
    since_us, now_us = bindparam("since_us", type_=BigInteger), bindparam("now_us", type_=BigInteger)
    is_told, is_reserved = contacts.c.reserved_until_us.is_(None), contacts.c.reserved_until_us > now_us
    at_us = case((is_told, contacts.c.at_us), else_=func.greatest(contacts.c.at_us, now_us)).label("at_us")
    return compile_statement(
        select(those.c.customer_id, contacts.c.action_id, contacts.c.channel, at_us)
        .join_from(those, contacts, contacts.c.customer_id == those.c.member_id)
        .where(or_(and_(is_told, contacts.c.at_us > since_us), is_reserved))
        .order_by(at_us.desc())
    )


def _add_contacts() -> Statement:
    """Parameters: an array a column of `contacts`, no key twice; those that are there stay as they are."""
    given = unnested("given", **{item.name: item.type for item in contacts.c})
    insert = pg_insert(contacts).from_select([item.name for item in contacts.c], select(*given.c))
    return compile_statement(insert.on_conflict_do_nothing())


def _take(*, skips_locked: bool) -> Statement:
    """Takes as much of each action as its limits leave, in the order of ids.

    Parameters: arrays `action_id`, no id twice, `wanted`, `cost_minor` (of one), and the limits `budget_minor`,
    `total_cap`, `daily_cap`, NULL for none; `day`. Rows: action_id, granted, what each kind of limit left, `by_money`
    and `by_times`, and the `day` it is counted on: a later one, where another transaction was on it while this waited.
    `skips_locked`: without those that another transaction holds, rather than to wait.
    """
    numbers = ("wanted", "cost_minor", "budget_minor", "total_cap", "daily_cap")
    given = unnested("given", action_id=Text(), **dict.fromkeys(numbers, BigInteger()))
    day = bindparam("day", type_=Integer)
    counter = action_counters
    locked = (
        select(*counter.c, *(given.c[name] for name in numbers))
        .join_from(counter, given, counter.c.action_id == given.c.action_id)
        .order_by(counter.c.action_id)
        .with_for_update(of=counter, skip_locked=skips_locked)
        .cte("locked")
    )
    on_day = case((locked.c.day >= day, locked.c.given_on_day), else_=_ZERO)
    money_left = (locked.c.budget_minor - locked.c.spent_minor) // func.nullif(
        locked.c.cost_minor, _ZERO, type_=BigInteger
    )
    times_left = func.least(locked.c.total_cap - locked.c.given, locked.c.daily_cap - on_day)
    by_money, by_times = (
        func.greatest(_ZERO, func.coalesce(cast(left, BigInteger), locked.c.wanted))
        for left in (money_left, times_left)
    )
    granted = func.least(locked.c.wanted, by_money, by_times)
    taken = select(
        locked, granted.label("granted"), by_money.label("by_money"), by_times.label("by_times"), on_day.label("on_day")
    ).cte("taken")
    values = {
        "given": taken.c.given + taken.c.granted,
        "spent_minor": taken.c.spent_minor + taken.c.granted * taken.c.cost_minor,
        "day": func.greatest(taken.c.day, day),
        "given_on_day": taken.c.on_day + taken.c.granted,
    }
    return compile_statement(
        update(counter)
        .values(values)
        .where(counter.c.action_id == taken.c.action_id)
        .returning(counter.c.action_id, counter.c.day, taken.c.granted, taken.c.by_money, taken.c.by_times)
    )


def return_counted() -> Update:
    """Parameters: arrays `of_action`, `times`, `money_minor`, `of_day`, an action once a day."""
    given = unnested("given", of_action=Text(), times=BigInteger(), money_minor=BigInteger(), of_day=Integer())
    counter, n = action_counters, given.c
    sums = (
        select(n.of_action, func.sum(n.times).label("times"), func.sum(n.money_minor).label("money_minor"))
        .group_by(n.of_action)
        .subquery("sums")
    )
    locked = (
        select(counter.c.action_id, counter.c.day, counter.c.given, counter.c.spent_minor, counter.c.given_on_day)
        .where(counter.c.action_id == func.any(bindparam("of_action", type_=ARRAY(Text))))
        .order_by(counter.c.action_id)
        .with_for_update()
        .cte("locked")
    )
    of_day = (
        select(func.sum(n.times)).where(n.of_action == locked.c.action_id, n.of_day == locked.c.day).scalar_subquery()
    )
    values = {
        "given": locked.c.given - cast(sums.c.times, BigInteger),
        "spent_minor": locked.c.spent_minor - cast(sums.c.money_minor, BigInteger),
        "given_on_day": locked.c.given_on_day - func.coalesce(cast(of_day, BigInteger), _ZERO),
    }
    is_same = and_(counter.c.action_id == locked.c.action_id, sums.c.of_action == locked.c.action_id)
    return update(counter).values(values).where(is_same)


def _deliver() -> Statement:
    """Turns reservations into contacts, and later words into the times of contacts.

    Parameters: arrays `customer_id`, `decision_id`, `action_id`, `at_us`, no key twice. Rows: decision_id, action_id
    of those that were there, under any id of the person.
    """
    given = unnested("given", customer_id=Text(), decision_id=Text(), action_id=Text(), at_us=BigInteger())
    theirs = members(given).subquery("theirs")
    found = (
        select(contacts.c.customer_id, contacts.c.decision_id, contacts.c.action_id, given.c.at_us)
        .join_from(given, theirs, theirs.c.customer_id == given.c.customer_id)
        .join(
            contacts,
            and_(
                contacts.c.customer_id == theirs.c.member_id,
                contacts.c.decision_id == given.c.decision_id,
                contacts.c.action_id == given.c.action_id,
            ),
        )
        .order_by(*contacts.primary_key.columns)
        .with_for_update(of=contacts)
        .cte("found")
    )
    is_it = and_(*(item == found.c[item.name] for item in contacts.primary_key.columns))
    values = {"at_us": found.c.at_us, "reserved_until_us": null()}
    return compile_statement(
        update(contacts).values(values).where(is_it).returning(contacts.c.decision_id, contacts.c.action_id)
    )


def _find_reserved() -> Statement:
    """Parameters: arrays `customer_id`, `action_id`, no pair twice. Rows: those, and decision_id and
    reserved_until_us of each reservation of that action for the person, the first decided first."""
    given = unnested("given", customer_id=Text(), action_id=Text())
    theirs = members(given).subquery("theirs")
    is_it = and_(contacts.c.customer_id == theirs.c.member_id, contacts.c.action_id == given.c.action_id)
    return compile_statement(
        select(given.c.customer_id, given.c.action_id, contacts.c.decision_id, contacts.c.reserved_until_us)
        .join_from(given, theirs, theirs.c.customer_id == given.c.customer_id)
        .join(contacts, is_it)
        .where(contacts.c.reserved_until_us.is_not(None))
        .order_by(contacts.c.decided_us, contacts.c.decision_id)
    )


TAKE_TURNS = _take_turns()
READ_CONTACTS = _read_contacts()
ADD_CONTACTS = _add_contacts()
TAKE = _take(skips_locked=False)
TAKE_FREE = _take(skips_locked=True)
RETURN_COUNTED = compile_statement(return_counted())
FIND_RESERVED = _find_reserved()
DELIVER = _deliver()
