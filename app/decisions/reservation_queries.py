"""SQL of reservations and counters beside decisions: opened, released, confirmed, forgotten.

Rows are locked in the order that `app.decisions.contact_queries` tells.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import and_, case, delete, func, null, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import member_ids
from app.database.contact_tables import action_counters, contacts
from app.database.tables import decisions, offers
from app.decisions.contact_queries import return_counted

_KEY: Final = tuple(contacts.primary_key.columns)


async def open_counters(connection: AsyncConnection, action_ids: Sequence[str]) -> None:
    """Begins to count actions that are not counted yet; those that are there are not locked."""
    if not action_ids:
        return
    known = select(action_counters.c.action_id).where(action_counters.c.action_id.in_(action_ids))
    missing = set(action_ids) - {action_id for (action_id,) in await connection.execute(known)}
    if missing:
        rows = [{"action_id": action_id} for action_id in sorted(missing)]
        await connection.execute(pg_insert(action_counters).values(rows).on_conflict_do_nothing())


async def read_counters(connection: AsyncConnection) -> Sequence[Any]:
    """All counters."""
    return (await connection.execute(select(action_counters))).all()


async def release_overdue(connection: AsyncConnection, now_us: int, most: int) -> Sequence[Any]:
    """Deletes reservations that are over, up to so many; the rows. Those that somebody delivers just now stay."""
    overdue = (
        select(*_KEY)
        .where(contacts.c.reserved_until_us <= now_us)
        .order_by(contacts.c.reserved_until_us)
        .limit(most)
        .with_for_update(skip_locked=True)  # several workers may look at the same time
    )
    return (await connection.execute(delete(contacts).where(tuple_(*_KEY).in_(overdue)).returning(contacts))).all()


async def lock_contacts(connection: AsyncConnection, customer_id: str, decision_id: str) -> Sequence[Any]:
    """What a decision gave, delivered or reserved; nobody else changes it until the transaction ends."""
    is_of_it = and_(contacts.c.customer_id == customer_id, contacts.c.decision_id == decision_id)
    in_order = select(contacts).where(is_of_it).order_by(*_KEY).with_for_update()
    return (await connection.execute(in_order)).all()


async def read_going_before(
    connection: AsyncConnection, customer_id: str, of: tuple[int, str], since_us: int, now_us: int
) -> Sequence[Any]:
    """action_id, channel, at_us of what goes before a decision `of` (decided_us, decision_id), the latest first: what
    was delivered to the person after `since_us`, and what earlier decisions reserved and may still deliver: that is of
    now at the earliest."""
    is_earlier = tuple_(contacts.c.decided_us, contacts.c.decision_id) < tuple_(*of)
    is_to_come = and_(contacts.c.reserved_until_us > now_us, is_earlier)
    is_delivered = contacts.c.reserved_until_us.is_(None)
    at_us = case((is_delivered, contacts.c.at_us), else_=func.greatest(contacts.c.at_us, now_us)).label("at_us")
    query = (
        select(contacts.c.action_id, contacts.c.channel, at_us)
        .where(contacts.c.customer_id == func.any(member_ids(customer_id)), contacts.c.decision_id != of[1])
        .where(or_(is_to_come, and_(is_delivered, contacts.c.at_us > since_us)))
        .order_by(at_us.desc())
    )
    return (await connection.execute(query)).all()


async def show_contacts(
    connection: AsyncConnection, decision_id: str, now_us: int, reserved_us: int, shown: Sequence[str]
) -> None:
    """What a decision prepared is shown now, or when it is to be delivered if that is later: delivered where it is
    `shown` at once or withheld, since nobody will tell of it, else reserved anew, for `reserved_us` from then."""
    is_kept = and_(decisions.c.decision_id == decision_id, decisions.c.reserved_until_us > now_us)
    is_of_it = and_(contacts.c.customer_id == decisions.c.customer_id, contacts.c.decision_id == decision_id)
    at_us = func.greatest(contacts.c.at_us, now_us)
    withheld = func.json_extract_path(decisions.c.receipt, "withheld", contacts.c.action_id)
    is_told = or_(contacts.c.channel.in_(shown), withheld.is_not(None))
    until = case((is_told, null()), else_=at_us + reserved_us)
    values = {"at_us": at_us, "reserved_until_us": until}
    is_live = contacts.c.reserved_until_us > now_us
    await connection.execute(update(contacts).values(values).where(is_kept, is_of_it, is_live))


async def hold_longer(connection: AsyncConnection, rows: Sequence[Any], until_us: int) -> None:
    """Keeps reservations at least until a time."""
    later = func.greatest(contacts.c.reserved_until_us, until_us)
    is_of_them = and_(tuple_(*_KEY).in_(_keys(rows)), contacts.c.reserved_until_us.is_not(None))
    await connection.execute(update(contacts).values(reserved_until_us=later).where(is_of_them))


async def give_back(connection: AsyncConnection, rows: Sequence[Any]) -> None:
    """Deletes contacts that are locked, takes them out of the counters, and ends their cool-downs."""
    if rows:
        await connection.execute(delete(contacts).where(tuple_(*_KEY).in_(_keys(rows))))
        await uncount(connection, rows)
        await forget_offers(connection, rows)


async def uncount(connection: AsyncConnection, rows: Sequence[Any]) -> None:
    """Takes what contacts counted out of the counters."""
    times: Counter[tuple[str, int]] = Counter()
    spent_minor: Counter[tuple[str, int]] = Counter()
    for row in rows:
        if row.counted_day is not None:
            times[row.action_id, row.counted_day] += 1
            spent_minor[row.action_id, row.counted_day] += row.cost_minor
    if times:
        given = {
            "of_action": [action_id for action_id, _ in times],
            "of_day": [day for _, day in times],
            "times": list(times.values()),
            "money_minor": [spent_minor[key] for key in times],
        }
        await connection.execute(return_counted(), given)


def _keys(rows: Sequence[Any]) -> list[tuple[str, str, str]]:
    return [(row.customer_id, row.decision_id, row.action_id) for row in rows]


async def forget_offers(connection: AsyncConnection, rows: Sequence[Any]) -> None:
    """No cool-down of what was not delivered after all, since it was decided or, if it was prepared, shown. An earlier
    one is over, or it had not been offered."""
    if rows:
        key = (offers.c.customer_id, offers.c.action_id)
        theirs = tuple_(decisions.c.customer_id, decisions.c.decision_id).in_(
            [(row.customer_id, row.decision_id) for row in rows]
        )
        activations = select(decisions.c.decision_id, decisions.c.activated_us).where(theirs)
        shown = {decision_id: us for decision_id, us in await connection.execute(activations) if us}
        given = [
            (row.customer_id, row.action_id, us)
            for row in rows
            for us in {row.decided_us, shown.get(row.decision_id, row.decided_us)}
        ]
        in_order = select(*key).where(tuple_(*key, offers.c.offered_us).in_(given)).order_by(*key).with_for_update()
        await connection.execute(delete(offers).where(tuple_(*key).in_(in_order)))


async def forget_contacts(connection: AsyncConnection, before_us: int, most: int) -> int:
    """Deletes contacts of before a time, up to so many; how many."""
    oldest = select(*_KEY).where(contacts.c.at_us < before_us, contacts.c.reserved_until_us.is_(None))
    some = oldest.order_by(contacts.c.at_us).limit(most).with_for_update(skip_locked=True)
    return (await connection.execute(delete(contacts).where(tuple_(*_KEY).in_(some)))).rowcount
