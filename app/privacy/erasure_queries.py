"""SQL of erasing persons."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.tombstone_queries import ERASING
from app.database.contact_tables import contacts
from app.database.privacy_tables import erased_ids, erasures
from app.database.tables import base_links, events, links, metadata, rejected_events
from app.lifecycle.events import CUSTOMER_MERGED, CUSTOMER_UNMERGED
from app.privacy.held import HELD

LOCK_PATIENCE: Final = text("SET LOCAL lock_timeout = '1s'")
"""Whoever counts events waits meanwhile: not for longer than a transaction of theirs may take."""
HOLD_ALL: Final = text(f"SELECT pg_advisory_xact_lock({ERASING})")

_OF_ID: Final = select(erasures).where(erasures.c.erasure_id == bindparam("erasure_id"))


async def write_tombstones(
    connection: AsyncConnection, hashes: Collection[bytes], erased_us: int, erasure_id: str
) -> None:
    """Erased now, whatever was before."""
    rows = [{"id_hash": each, "erased_us": erased_us, "erasure_id": erasure_id} for each in sorted(hashes)]
    new = pg_insert(erased_ids).values(rows)
    again = {"erased_us": new.excluded.erased_us, "erasure_id": new.excluded.erasure_id, "lifted_us": None}
    await connection.execute(new.on_conflict_do_update(index_elements=["id_hash"], set_=again))


async def find_erasures(connection: AsyncConnection, hashes: Collection[bytes]) -> Sequence[Any]:
    """Receipts of the erasures by which these ids are barred now, the latest first."""
    barred = select(erased_ids.c.erasure_id).where(erased_ids.c.id_hash.in_(hashes), erased_ids.c.lifted_us.is_(None))
    query = select(erasures).where(erasures.c.erasure_id.in_(barred)).order_by(erasures.c.asked_us.desc())
    return (await connection.execute(query)).all()


async def begin_erasure(connection: AsyncConnection, erasure: Mapping[str, Any]) -> None:
    """Writes the receipt, of what is yet to be done."""
    await connection.execute(insert(erasures).values(**erasure, rows={}))


async def read_erasure(connection: AsyncConnection, erasure_id: str) -> Any:
    """A receipt; None: there is none."""
    return (await connection.execute(_OF_ID, {"erasure_id": erasure_id})).one_or_none()


async def lock_erasure(connection: AsyncConnection, erasure_id: str) -> Any:
    """A receipt that nobody else goes on with until the transaction ends."""
    return (await connection.execute(_OF_ID.with_for_update(), {"erasure_id": erasure_id})).one()


async def save_erasure(connection: AsyncConnection, erasure_id: str, **values: Any) -> None:
    """Notes how far an erasure has come."""
    await connection.execute(update(erasures).where(erasures.c.erasure_id == erasure_id).values(values))


async def list_unsettled(connection: AsyncConnection, before_us: int) -> list[str]:
    """Erasures that were asked for before a time, and have not been looked at once more, the oldest first."""
    query = select(erasures.c.erasure_id).where(erasures.c.settled_us.is_(None), erasures.c.asked_us < before_us)
    return list((await connection.execute(query.order_by(erasures.c.asked_us))).scalars())


async def list_erasures(connection: AsyncConnection, before: tuple[int, str] | None, limit: int) -> Sequence[Any]:
    """Receipts, the latest first."""
    query = select(erasures).order_by(erasures.c.asked_us.desc(), erasures.c.erasure_id.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(erasures.c.asked_us, erasures.c.erasure_id) < tuple_(*before))
    return (await connection.execute(query)).all()


async def find_shared(connection: AsyncConnection, identifiers: Collection[str], own: Collection[str]) -> set[str]:
    """Those of these identifiers that a customer who is not of the person is said to have."""
    low, high = links.c.low_id, links.c.high_id
    is_outside = or_(
        low.in_(identifiers) & high.not_in(own) & links.c.is_joined,
        high.in_(identifiers) & low.not_in(own) & links.c.is_joined,
    )
    rows = await connection.execute(select(low, high).where(is_outside))
    return {each for row in rows for each in row if each in set(identifiers)}


async def find_neighbours(connection: AsyncConnection, customer_ids: Collection[str]) -> set[str]:
    """Whom anything was ever said of together with these ids, these left out."""
    low, high = links.c.low_id, links.c.high_id
    either = select(low, high).where(or_(low.in_(customer_ids), high.in_(customer_ids)))
    return {each for row in await connection.execute(either) for each in row} - set(customer_ids)


async def count_events(connection: AsyncConnection, customer_ids: Sequence[str], most: int) -> int:
    """How many events these ids have, `most` at most."""
    some = select(events.c.id).where(events.c.customer_id.in_(customer_ids)).limit(most).subquery()
    return (await connection.execute(select(func.count()).select_from(some))).scalar_one()


async def delete_some(connection: AsyncConnection, name: str, customer_ids: Sequence[str], most: int) -> int:
    """Deletes rows of a table that are of these ids, up to so many; how many."""
    table = metadata.tables[name]
    key = tuple_(*table.primary_key.columns)
    is_theirs = or_(*(table.c[column].in_(customer_ids) for column in HELD[name]))
    some = select(*table.primary_key.columns).where(is_theirs).limit(most)
    return (await connection.execute(delete(table).where(key.in_(some)))).rowcount


async def delete_all(connection: AsyncConnection, name: str, customer_ids: Sequence[str]) -> int:
    """Deletes all rows of a table that are of these ids; how many."""
    table = metadata.tables[name]
    is_theirs = or_(*(table.c[column].in_(customer_ids) for column in HELD[name]))
    return (await connection.execute(delete(table).where(is_theirs))).rowcount


async def delete_base_links(connection: AsyncConnection, customer_ids: Sequence[str]) -> int:
    """Deletes what events of these ids said that have left the log; how many. What another customer's said of an
    identifier that the person had too stays."""
    low, high = base_links.c.low_id, base_links.c.high_id
    is_others = or_(
        and_(_is_pseudonym(low), low.in_(customer_ids), ~_is_pseudonym(high), high.not_in(customer_ids)),
        and_(_is_pseudonym(high), high.in_(customer_ids), ~_is_pseudonym(low), low.not_in(customer_ids)),
    )
    is_theirs = and_(or_(low.in_(customer_ids), high.in_(customer_ids)), ~is_others)
    return (await connection.execute(delete(base_links).where(is_theirs))).rowcount


def _is_pseudonym(id_: ColumnElement[str]) -> ColumnElement[bool]:
    return id_.startswith("~", autoescape=True)


async def delete_contacts(connection: AsyncConnection, customer_ids: Sequence[str]) -> Sequence[Any]:
    """Deletes what these ids were told, or were to be; the rows."""
    theirs = delete(contacts).where(contacts.c.customer_id.in_(customer_ids)).returning(contacts)
    return (await connection.execute(theirs)).all()


async def delete_naming(connection: AsyncConnection, customer_ids: Sequence[str], others: Collection[str]) -> list[str]:
    """Deletes the events of others that name these ids as merged or taken apart; whose they were."""
    c = events.c
    theirs = delete(events).where(
        c.customer_id.in_(others),
        c.type.in_((CUSTOMER_MERGED, CUSTOMER_UNMERGED)),
        func.json_extract_path_text(c.data, "merged").in_(customer_ids),
    )
    return list((await connection.execute(theirs.returning(c.customer_id))).scalars())


async def delete_refused(connection: AsyncConnection, rejected_ids: Collection[int]) -> int:
    """Deletes rejected events; how many."""
    these = delete(rejected_events).where(rejected_events.c.rejected_id.in_(rejected_ids))
    return (await connection.execute(these)).rowcount
