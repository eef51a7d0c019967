"""SQL of points: who is held, what they bought, what is kept of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from zlib import crc32

from sqlalchemy import ARRAY, BigInteger, Integer, Text, bindparam, func, insert, literal, null, select, text, union
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import compile_statement, unnested
from app.database.loyalty_tables import loyalty_accounts, loyalty_entries, loyalty_lots, loyalty_pending
from app.database.tables import customer_states, events, persons, stage_transitions
from app.lifecycle import events as e
from app.lifecycle.points_book import NEVER, Book, Lot, LotKey, Transfer

_HOLD: Final = text("""
SELECT pg_advisory_xact_lock(1819244921, key) FROM unnest(CAST(:keys AS int[])) AS key
""").bindparams(bindparam("keys", type_=ARRAY(Integer)))
_OF_POINTS: Final = (*e.SALES, e.ORDER_REFUNDED, e.ACTION_REDEEMED)

MARK: Final = compile_statement(
    insert(loyalty_pending).from_select(
        ["customer_id"], select(func.unnest(bindparam("customer_ids", type_=ARRAY(Text))))
    )
)
"""Marks customers, so that what was counted of them is posted."""
_LOCK_PATIENCE: Final = text("SELECT set_config('lock_timeout', :told, true)")


async def wait_at_most(connection: AsyncConnection, wait_ms: int) -> None:
    """Until the transaction ends, for any lock."""
    await connection.execute(_LOCK_PATIENCE, {"told": f"{wait_ms}ms"})


async def hold(connection: AsyncConnection, customer_ids: Iterable[str]) -> None:
    """Until the transaction ends nobody else posts for these ids."""
    await connection.execute(_HOLD, {"keys": sorted({crc32(each.encode()) >> 1 for each in customer_ids})})


async def read_members(connection: AsyncConnection, customer_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Each of these customers, and the ids of their person, in order."""
    own, peer = persons.alias("own"), persons.alias("peer")
    query = (
        select(own.c.customer_id, func.array_agg(peer.c.customer_id))
        .join_from(own, peer, peer.c.person_id == own.c.person_id)
        .where(own.c.customer_id == func.any(literal(list(customer_ids), ARRAY(Text))))
        .group_by(own.c.customer_id)
    )
    found = {customer_id: tuple(sorted(ids)) for customer_id, ids in await connection.execute(query)}
    return {each: found.get(each, (each,)) for each in customer_ids}


async def read_told(
    connection: AsyncConnection, customer_ids: Iterable[str], since_us: int, reads_lines: bool
) -> Sequence[Any]:
    """Orders, refunds and redeemed actions of these ids since a time, in the order of time; `lines` as text, or None
    where they are not to be read."""
    c = events.c
    lines = (c.lines.cast(Text) if reads_lines else null()).label("lines")
    query = select(
        *(c.customer_id, c.source, c.id, c.type, c.occurred_us, c.kind, c.channel, c.reference, c.amount_minor), lines
    ).where(
        c.customer_id == func.any(literal(list(customer_ids), ARRAY(Text))),
        c.type.in_(_OF_POINTS),
        c.occurred_us >= since_us,
    )
    return (await connection.execute(query.order_by(c.occurred_us, c.source, c.id))).all()


async def find_events(connection: AsyncConnection, keys: Collection[LotKey]) -> set[LotKey]:
    """Those of these events that are in the log, whoever they are of and whatever they are kept as."""
    if not keys:
        return set()
    asked = {"asked_source": [source for source, _ in keys], "asked_id": [id_ for _, id_ in keys]}
    return {(source, id_) for source, id_ in await connection.execute(_FIND_EVENTS, asked)}


_ASKED: Final = unnested("asked", asked_source=Text(), asked_id=Text())
_FIND_EVENTS: Final = select(events.c.source, events.c.id).join_from(
    _ASKED, events, (events.c.source == _ASKED.c.asked_source) & (events.c.id == _ASKED.c.asked_id)
)


async def count_events(connection: AsyncConnection, customer_ids: Collection[str]) -> dict[str, int]:
    """Customer → how many events there are of it, whatever they are; without those of whom there are none."""
    c = events.c
    of_them = c.customer_id == func.any(literal(list(customer_ids), ARRAY(Text)))
    rows = await connection.execute(select(c.customer_id, func.count()).where(of_them).group_by(c.customer_id))
    return {row[0]: row[1] for row in rows}


async def read_stages(connection: AsyncConnection, customer_ids: Iterable[str]) -> Sequence[Any]:
    """Changes of stage: customer_id, at_us, to_stage, in the order of time."""
    c = stage_transitions.c
    query = select(c.customer_id, c.at_us, c.to_stage).where(c.customer_id.in_(customer_ids))
    return (await connection.execute(query.order_by(c.customer_id, c.at_us))).all()


async def read_range(connection: AsyncConnection, after: str, most: int) -> list[str]:
    """The next ids after one, by account or by state, in the order of bytes."""

    def first_of(table: Any) -> Any:
        customer_id = table.c.customer_id.collate("C")
        return select(customer_id.label("customer_id")).where(customer_id > after).order_by(customer_id).limit(most)

    either = union(first_of(loyalty_accounts).subquery().select(), first_of(customer_states).subquery().select())
    found = either.subquery("found").c.customer_id
    return list((await connection.execute(select(found).order_by(found).limit(most))).scalars())


async def read_accounts(connection: AsyncConnection, customer_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Balances as they are kept."""
    query = select(loyalty_accounts).where(loyalty_accounts.c.customer_id.in_(customer_ids))
    return {row["customer_id"]: dict(row) for row in (await connection.execute(query)).mappings()}


async def read_books(connection: AsyncConnection, customer_ids: Collection[str]) -> dict[str, Book]:
    """Of those who have one."""
    accounts = loyalty_accounts.c
    owing = select(accounts.customer_id, accounts.owed, accounts.due_us)
    rows = await connection.execute(owing.where(accounts.customer_id.in_(customer_ids)))
    books = {row.customer_id: Book(owed=row.owed, noted_us=NEVER if row.due_us is None else row.due_us) for row in rows}
    for row in await connection.execute(select(loyalty_lots).where(loyalty_lots.c.customer_id.in_(customer_ids))):
        customer_id, *values = row
        lot = Lot(*values)
        books.setdefault(customer_id, Book()).lots[lot.key] = lot
    return books


async def write_books(connection: AsyncConnection, books: Mapping[str, Book], now_us: int) -> None:
    """What was posted to these books, and what follows. They are as kept then."""
    lots, accounts, entries = list[Any](), list[Any](), list[Any]()
    for customer_id, book in books.items():
        touched = {transfer.lot for transfer in book.transfers}
        lots += [{"customer_id": customer_id, **asdict(book.lots[key])} for key in touched]
        accounts.append({"customer_id": customer_id, **balances(book)})
        entries += [_entry(customer_id, transfer, now_us) for transfer in book.transfers]
    await _upsert(connection, loyalty_accounts, ("customer_id",), accounts)
    await _upsert(connection, loyalty_lots, ("customer_id", "source", "id"), lots)
    if entries:
        await connection.execute(insert(loyalty_entries), entries)
    for book in books.values():
        book.transfers.clear()
        book.noted_us = book.due_us()


async def add_up(connection: AsyncConnection, customer_id: str) -> None:
    """Makes a balance anew of its lots and entries, to be looked at by the next round."""
    await connection.execute(_ADD_UP, {"customer_id": customer_id})


_ADD_UP: Final = text("""
UPDATE loyalty_accounts SET
  promised = lots.promised, active = lots.active, reserved = lots.reserved, due_us = 0,
  owed = coalesce((SELECT sum(CASE WHEN from_account = 'owed' THEN points ELSE -points END) FROM loyalty_entries
                   WHERE customer_id = :customer_id AND 'owed' IN (from_account, to_account)), 0)
FROM (SELECT coalesce(sum(promised), 0) AS promised, coalesce(sum(active), 0) AS active,
             coalesce(sum(reserved), 0) AS reserved
      FROM loyalty_lots WHERE customer_id = :customer_id) AS lots
WHERE loyalty_accounts.customer_id = :customer_id
""").bindparams(bindparam("customer_id", type_=Text))


def balances(book: Book) -> dict[str, int | None]:
    """The columns of an account."""
    due_us = book.due_us()
    kept: dict[str, int | None] = {name: book.total(name) for name in ("promised", "active", "reserved")}
    return {**kept, "owed": book.owed, "due_us": None if due_us == NEVER else due_us}


def _entry(customer_id: str, transfer: Transfer, now_us: int) -> dict[str, Any]:
    source, id_ = transfer.lot
    told = transfer._asdict()
    del told["lot"]
    return {"customer_id": customer_id, "source": source, "id": id_, "posted_us": now_us, **told}


async def _upsert(connection: AsyncConnection, table: Any, keys: Sequence[str], rows: Sequence[Any]) -> None:
    if rows:
        put = pg_insert(table)
        values = {item.name: put.excluded[item.name] for item in table.c if item.name not in keys}
        await connection.execute(put.on_conflict_do_update(index_elements=list(keys), set_=values), rows)


async def list_entries(
    connection: AsyncConnection, customer_ids: Collection[str], before: int | None, limit: int
) -> Sequence[Any]:
    """The ledger of these ids, what was posted last first."""
    c = loyalty_entries.c
    lots = loyalty_lots.c
    is_of = (lots.customer_id == c.customer_id) & (lots.source == c.source) & (lots.id == c.id)
    query = (
        select(*loyalty_entries.c, lots.kind, lots.version, lots.reference.label("order_id"))
        .join_from(loyalty_entries, loyalty_lots, is_of)
        .where(c.customer_id.in_(customer_ids))
        .order_by(c.entry_id.desc())
        .limit(limit)
    )
    return (await connection.execute(query if before is None else query.where(c.entry_id < before))).all()


async def sum_entries(connection: AsyncConnection, customer_ids: Iterable[str]) -> Mapping[tuple[str, str], int]:
    """(From account, to account) → points ever."""
    c = loyalty_entries.c
    query = select(c.from_account, c.to_account, func.sum(c.points).cast(BigInteger)).where(
        c.customer_id.in_(customer_ids)
    )
    rows = await connection.execute(query.group_by(c.from_account, c.to_account))
    return {(row[0], row[1]): row[2] for row in rows}


async def read_entries(connection: AsyncConnection, customer_ids: Collection[str]) -> Iterable[tuple[str, Transfer]]:
    """All transfers of these ids, in the order in which they were posted."""
    c = loyalty_entries.c
    rows = await connection.execute(select(loyalty_entries).where(c.customer_id.in_(customer_ids)).order_by(c.entry_id))
    return [
        (
            row.customer_id,
            Transfer(
                *((row.source, row.id), row.at_us, row.from_account, row.to_account),
                *(row.points, row.cause, row.reference),
            ),
        )
        for row in rows
    ]
